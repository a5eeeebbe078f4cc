// Package broker is an MQTT broker in the process, for houses that have none. It is the only importer of mochi. It knows
// no clip and no topic: the announcer is a client of it like any other. It opens one TCP port and no file; what it
// retains lives in memory, and every client publishes its own again after a restart.
//
// Everything a client may make it keep is bounded: connections, sessions, subscriptions, packets, queues and
// retained messages.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// Errors of New that a caller may test for.
var (
	ErrNoPassword = errors.New("an embedded broker that other machines can reach needs a password in state/mqtt-password")
	ErrInUse      = errors.New("the address is in use")
)

// Config says where the broker listens and how much it takes.
type Config struct {
	Listen   string // host:port; port 0 takes a free one
	Username string // "" takes any
	Password string // "" takes anyone, on loopback only

	MaxClients int // connected at once; 0 is 32
	MaxPacket  int // bytes; 0 is 64 KiB

	Log *slog.Logger // nil for none
}

// What one client may make the broker keep.
const (
	maxPending       = 1024  // messages on their way to one client; more are dropped, as to a client that does not read
	maxInflight      = 1024  // of them with QoS above 0 and not acknowledged, also while the client is away
	maxReceive       = 64    // QoS 2 messages from one client under way at once
	maxSubscriptions = 64    // filters of one client
	maxTopic         = 1024  // bytes of a filter or a retained topic
	maxRetained      = 1024  // retained topics
	maxRetainedBytes = 1e6   // in all retained payloads
	sessionsPer      = 4     // sessions kept, away or not, for each client that may be connected
	sessionExpiry    = 86400 // seconds for which an absent client's session is kept
)

// Broker is a bound port, and from Run on a broker behind it.
type Broker struct {
	server   *mqtt.Server
	listener *listener
}

// New binds the port. ErrNoPassword: the address is not loopback and there is no password. ErrInUse: somebody else
// has the port. Whoever does not call Run calls Close.
func New(c Config) (*Broker, error) {
	if c.Password == "" && !loopback(c.Listen) {
		return nil, fmt.Errorf("listen on %s: %w", c.Listen, ErrNoPassword)
	}
	if c.MaxClients == 0 {
		c.MaxClients = 32
	}
	if c.MaxPacket == 0 {
		c.MaxPacket = 64 << 10
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	l, err := net.Listen("tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w: %w", ErrInUse, err)
	}
	if err != nil {
		return nil, err
	}
	b := &Broker{server: mqtt.New(options(c)), listener: newListener(l, c.MaxClients+8)}
	if err := b.server.AddHook(newRules(c, b.server), nil); err != nil {
		return nil, errors.Join(fmt.Errorf("set rules of the embedded broker: %w", err), l.Close())
	}
	if err := b.server.AddListener(listeners.NewNet("tcp", b.listener)); err != nil {
		return nil, errors.Join(fmt.Errorf("serve %s: %w", l.Addr(), err), l.Close())
	}
	return b, nil
}

// Addr is where the broker listens.
func (b *Broker) Addr() net.Addr { return b.listener.Addr() }

// Run serves until ctx is done and returns nil when every connection has ended. It may be called once.
func (b *Broker) Run(ctx context.Context) error {
	if err := b.server.Serve(); err != nil {
		return fmt.Errorf("serve %s: %w", b.Addr(), err)
	}
	<-ctx.Done()
	b.listener.closeAll()
	if err := b.server.Close(); err != nil {
		return fmt.Errorf("stop serving %s: %w", b.Addr(), err)
	}
	return nil
}

// Close gives the port back without having run.
func (b *Broker) Close() error { return b.listener.Close() }

// loopback reports whether only this machine can reach address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// options lowers what mochi allows and keeps. Its expiry of messages is off: it would also delete retained ones, and
// a box says online only once in a session.
func options(c Config) *mqtt.Options {
	caps := mqtt.NewDefaultServerCapabilities()
	caps.MaximumClients = int64(c.MaxClients)
	caps.MaximumPacketSize = uint32(c.MaxPacket)
	caps.MaximumClientWritesPending = maxPending
	caps.MaximumInflight = maxInflight
	caps.ReceiveMaximum = maxReceive
	caps.MaximumSessionExpiryInterval = sessionExpiry
	caps.MaximumMessageExpiryInterval = 0
	caps.TopicAliasMaximum = 0
	return &mqtt.Options{
		Capabilities:             caps,
		ClientNetReadBufferSize:  1 << 10,
		ClientNetWriteBufferSize: 1 << 10,
		SysTopicResendInterval:   10 * 365 * 86400, // seconds: $SYS is not offered, and making it stops the world
		Logger:                   slog.New(quiet{c.Log.Handler()}),
	}
}
