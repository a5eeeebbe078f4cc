package announce

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// sessions holds one session after the other until ctx is done.
func (a *Announcer) sessions(ctx context.Context) {
	wait := backoff{least: a.limits.backoffMin, most: a.limits.backoffMax}
	for ctx.Err() == nil {
		began := time.Now()
		s, err := a.connect(ctx)
		if err == nil {
			a.begun()
			s.heard = wait.reset
			err = s.run(ctx)
			s.end()
		}
		a.ended(err)
		if ctx.Err() != nil {
			return
		}
		a.judge(err, s != nil && time.Since(began) < a.limits.contested)
		a.sleep(ctx, wait.pause())
	}
}

// connect makes a new client, for paho completes tokens falsely after a reconnect of an old one, and establishes a session.
func (a *Announcer) connect(ctx context.Context) (*session, error) {
	o, err := a.options()
	if err != nil {
		return nil, err
	}
	s := newSession(a)
	opened := make(chan *conn, 1)
	o.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
		c, err := dial(s.life, u, a.cfg.TLS, a.limits.connect)
		if err != nil {
			return nil, err
		}
		line := newConn(c, a.limits.write)
		context.AfterFunc(s.life, func() { line.Close() })
		opened <- line
		return line, nil
	})
	o.SetDefaultPublishHandler(s.inbox.put)
	s.client = mqtt.NewClient(o)
	token := s.client.Connect()
	if err := a.await(ctx, token); err != nil {
		s.end()
		return nil, fmt.Errorf("connect to %s: %w", a.address(), err)
	}
	s.conn = <-opened
	s.base = a.cfg.BaseURL(s.conn.LocalAddr())
	return s, nil
}

// await blocks until the connection stands or has failed, or ctx is done. paho keeps to the connect timeout itself.
func (a *Announcer) await(ctx context.Context, t mqtt.Token) error {
	beat := time.NewTicker(a.limits.beat)
	defer beat.Stop()
	for {
		a.beat.Add(1)
		select {
		case <-t.Done():
			return t.Error()
		case <-ctx.Done():
			return ctx.Err()
		case <-beat.C:
		}
	}
}

// errPassword is a password that could not be read.
var errPassword = errors.New("read the password of the MQTT broker")

func (a *Announcer) options() (*mqtt.ClientOptions, error) {
	o := mqtt.NewClientOptions().AddBroker(a.cfg.Broker).SetClientID("clipd-"+a.cfg.Box).
		SetProtocolVersion(4).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(a.limits.connect).SetWriteTimeout(a.limits.write).
		SetKeepAlive(30*time.Second).SetPingTimeout(10*time.Second).
		SetWill(a.topics.availability(), offline, 1, true)
	if len(o.Servers) == 0 {
		return nil, fmt.Errorf("%q is no broker address", a.cfg.Broker)
	}
	if a.cfg.Username != "" {
		o.SetUsername(a.cfg.Username)
	}
	if a.cfg.Password == nil {
		return o, nil
	}
	password, err := a.cfg.Password()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPassword, err)
	}
	o.SetPassword(password)
	return o, nil
}

// address is the broker's, without what must not be in a log.
func (a *Announcer) address() string {
	u, err := url.Parse(a.cfg.Broker)
	if err != nil {
		return "the MQTT broker"
	}
	return u.Redacted()
}
