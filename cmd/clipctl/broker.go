package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/spf13/pflag"
)

// maxWaiting is how many messages are taken from a broker before they are acknowledged. Brokers send fewer.
const maxWaiting = 2048

// Errors of a broker session.
var (
	errBrokerLost    = errors.New("the connection to the broker ended")
	errBrokerRefused = errors.New("the broker refuses the user name or password; say them as --broker tcp://NAME@HOST and --broker-password-file FILE")
)

// brokerFlags name an MQTT broker.
type brokerFlags struct {
	url, ca, passwordFile, prefix string
}

func (f *brokerFlags) register(p *pflag.FlagSet) {
	p.StringVar(&f.url, "broker", "", "MQTT broker: tcp://, tls://, ws:// or wss://HOST[:PORT], with the user's name before an @ where it asks for one")
	p.StringVar(&f.ca, "broker-ca", "", "`FILE` of the certificate that vouches for the broker's")
	p.StringVar(&f.passwordFile, "broker-password-file", "", "`FILE` that holds the password for the broker (default $"+envBrokerPassword+")")
	p.StringVar(&f.prefix, "prefix", "clipd", "what the boxes' topics begin with (mqtt.prefix)")
}

// session is one connection to a broker, from CONNECT to the first error. The caller ends it with end.
type session struct {
	client mqtt.Client
	inbox  chan mqtt.Message // not acknowledged yet
	once   sync.Once
	lost   chan struct{} // closed at the end
	cause  error         // to be read after lost
}

// connect opens a session under a client id ("" makes one up) and subscribes. With keep, the broker keeps messages for
// this id while nobody is connected. It blocks until the subscription stands.
func (f *brokerFlags) connect(ctx context.Context, id string, keep bool, topics ...string) (*session, error) {
	s := &session{inbox: make(chan mqtt.Message, maxWaiting), lost: make(chan struct{})}
	o, err := f.options(s, id, keep)
	if err != nil {
		return nil, err
	}
	s.client = mqtt.NewClient(o)
	if err := await(ctx, s.client.Connect()); err != nil {
		s.end()
		if errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword) || errors.Is(err, packets.ErrorRefusedNotAuthorised) {
			return nil, fmt.Errorf("%w (%w)", errBrokerRefused, err)
		}
		return nil, fmt.Errorf("%w: connecting to %s: %w", errBrokerLost, o.Servers[0].Host, err)
	}
	for _, t := range topics {
		if err := s.subscribe(ctx, t); err != nil {
			s.end()
			return nil, err
		}
	}
	return s, nil
}

func (s *session) subscribe(ctx context.Context, topic string) error {
	token := s.client.Subscribe(topic, 1, nil).(*mqtt.SubscribeToken)
	if err := await(ctx, token); err != nil {
		return fmt.Errorf("%w: subscribing to %s: %w", errBrokerLost, topic, err)
	}
	if token.Result()[topic] == 0x80 { // MQTT 3.1.1 [MQTT-3.9.3-2]
		return fmt.Errorf("the broker does not let this user read %s: %w", topic, errBrokerRefused)
	}
	return nil
}

// options makes a client that lives for one session: paho's own reconnecting completes tokens falsely.
func (f *brokerFlags) options(s *session, id string, keep bool) (*mqtt.ClientOptions, error) {
	u, err := url.Parse(f.url)
	if err != nil || u.Host == "" {
		return nil, usageError(fmt.Sprintf("--broker: %q is no address; it looks like tcp://192.168.1.5:1883", f.url))
	}
	user := u.User
	u.User = nil
	if id == "" {
		id = "clipctl-" + rand.Text()[:12]
	}
	o := mqtt.NewClientOptions().AddBroker(u.String()).SetClientID(id).SetProtocolVersion(4).SetCleanSession(!keep).
		SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(dialing).SetWriteTimeout(10 * time.Second).
		SetKeepAlive(30 * time.Second).SetPingTimeout(10 * time.Second).SetAutoAckDisabled(true).
		SetDefaultPublishHandler(s.put).SetConnectionLostHandler(func(_ mqtt.Client, err error) { s.close(err) })
	if err := f.credentials(o, user); err != nil {
		return nil, err
	}
	t, err := f.tls()
	if err != nil {
		return nil, err
	}
	o.SetTLSConfig(t)
	o.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) { return dialBroker(u, t) })
	return o, nil
}

func (f *brokerFlags) credentials(o *mqtt.ClientOptions, user *url.Userinfo) error {
	o.SetUsername(user.Username())
	password, _ := user.Password()
	if password == "" {
		password = os.Getenv(envBrokerPassword)
	}
	if f.passwordFile != "" {
		var err error
		if password, err = readSecret(f.passwordFile); err != nil {
			return err
		}
	}
	o.SetPassword(password)
	return nil
}

func (f *brokerFlags) tls() (*tls.Config, error) {
	if f.ca == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.ca)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, usageError("--broker-ca: " + f.ca + " holds no certificate in PEM")
	}
	return &tls.Config{RootCAs: pool}, nil
}

// put is paho's callback and must not block.
func (s *session) put(_ mqtt.Client, m mqtt.Message) {
	select {
	case s.inbox <- m:
	default: // more than any broker sends without acknowledgements; they come again
		go s.client.Disconnect(0)
		s.close(errors.New("the broker sends more than can be taken"))
	}
}

func (s *session) close(err error) {
	s.once.Do(func() {
		s.cause = err
		close(s.lost)
	})
}

// next is the next message, or the reason why there will be none. The caller acknowledges it.
func (s *session) next(ctx context.Context) (mqtt.Message, error) {
	select {
	case m := <-s.inbox:
		return m, nil
	case <-s.lost:
		return nil, fmt.Errorf("%w: %w", errBrokerLost, s.cause)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// end says goodbye; what was acknowledged goes out before.
func (s *session) end() { s.client.Disconnect(250) }

// await blocks until t is done or ctx is.
func await(ctx context.Context, t mqtt.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
