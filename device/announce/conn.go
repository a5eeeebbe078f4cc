package announce

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// maxPacket is the longest packet taken from a broker, in bytes after the fixed header. paho allocates whatever length
// a broker claims, up to 256 MiB.
const maxPacket = 64 << 10

// errDisconnected is a broker that takes leave.
var errDisconnected = errors.New("the broker sent DISCONNECT")

// errClosed is the end of a connection that was closed on this side.
var errClosed = errors.New("connection closed")

// conn is the connection of one session. It lets through only what a broker may send to a client that subscribes once
// and publishes with QoS 0 and 1: paho completes a publish token on any acknowledgement with its packet id, and takes
// a CONNACK with an unknown return code for an accepted one. Every write has a deadline of its own: paho gives
// none to PINGREQ, SUBSCRIBE and PUBACK.
type conn struct {
	net.Conn
	in       *bufio.Reader
	left     int // bytes of the current packet that were not read yet
	accepted bool
	granted  bool // the one SUBACK was seen

	write   sync.Mutex
	timeout time.Duration

	once  sync.Once
	ended chan struct{} // closed at the first error
	cause error         // that error; to be read after ended
}

func newConn(c net.Conn, timeout time.Duration) *conn {
	return &conn{Conn: c, in: bufio.NewReaderSize(c, 1<<10), timeout: timeout, ended: make(chan struct{})}
}

// Read reads within one packet. An inadmissible packet is an error before anything of it is delivered.
func (c *conn) Read(p []byte) (int, error) {
	if c.left == 0 {
		quickAck(c.Conn)
		if err := c.admit(); err != nil {
			return 0, c.fail(err)
		}
	}
	n, err := c.in.Read(p[:min(len(p), c.left)])
	c.left -= n
	if err != nil {
		return n, c.fail(err)
	}
	return n, nil
}

// admit reads the fixed header of the next packet (MQTT 3.1.1 §2.2) without consuming it.
func (c *conn) admit() error {
	n, length, b := 1, 0, []byte(nil)
	for shift := 0; ; shift += 7 {
		var err error
		if b, err = c.in.Peek(n + 1); err != nil {
			return err
		}
		length |= int(b[n]&0x7f) << shift
		if n++; b[n-1] < 0x80 {
			break
		}
		if shift == 21 {
			return errors.New("packet with a malformed length")
		}
	}
	kind := b[0] >> 4
	if length > maxPacket {
		return fmt.Errorf("%s of %d bytes, more than %d", packets.PacketNames[kind], length, maxPacket)
	}
	c.left = n + length
	return c.allow(kind, n, length)
}

// allow says whether a packet may come now; its body starts at n.
func (c *conn) allow(kind byte, n, length int) error {
	if !c.accepted {
		return c.connack(kind, n, length)
	}
	switch {
	case kind == packets.Publish, kind == packets.Puback && length == 2, kind == packets.Pingresp && length == 0:
		return nil
	case kind == packets.Suback && !c.granted:
		c.granted = true
		return nil
	case kind == packets.Disconnect: // not in MQTT 3.1.1, but the embedded broker does it on a take-over
		return errDisconnected
	}
	return fmt.Errorf("unexpected packet of type %d and %d bytes", kind, length)
}

// connack checks the first packet (MQTT 3.1.1 [MQTT-3.2.0-1], §3.2.2.3).
func (c *conn) connack(kind byte, n, length int) error {
	if kind != packets.Connack || length != 2 {
		return fmt.Errorf("first packet is of type %d and %d bytes, not a CONNACK", kind, length)
	}
	b, err := c.in.Peek(n + 2)
	if err != nil {
		return err
	}
	if code := b[n+1]; code > packets.ErrRefusedNotAuthorised {
		return fmt.Errorf("CONNACK with unknown return code %d", code)
	}
	c.accepted = true
	return nil
}

// Write writes all of p within the session's write timeout or ends the session.
func (c *conn) Write(p []byte) (int, error) {
	c.write.Lock()
	defer c.write.Unlock()
	err := c.Conn.SetWriteDeadline(time.Now().Add(c.timeout))
	if err != nil {
		return 0, c.fail(err)
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		return n, c.fail(err)
	}
	return n, nil
}

// SetWriteDeadline does nothing: Write sets its own, and paho's would race with it.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline sets the read deadline.
func (c *conn) SetDeadline(t time.Time) error { return c.Conn.SetReadDeadline(t) }

// Close closes the connection; it is safe to call again.
func (c *conn) Close() error {
	c.fail(errClosed)
	return c.Conn.Close()
}

func (c *conn) fail(err error) error {
	c.once.Do(func() {
		c.cause = err
		close(c.ended)
	})
	return err
}

// dial opens the network connection to u; ctx ends the attempt, except over a web socket, which ends by timeout.
func dial(ctx context.Context, u *url.URL, t *tls.Config, timeout time.Duration) (net.Conn, error) {
	d := &net.Dialer{Timeout: timeout}
	switch u.Scheme {
	case "tcp":
		return d.DialContext(ctx, "tcp", authority(u, "1883"))
	case "tls":
		return (&tls.Dialer{NetDialer: d, Config: t}).DialContext(ctx, "tcp", authority(u, "8883"))
	case "ws", "wss":
		plain := *u
		plain.User = nil // the web socket library refuses it; MQTT carries the credentials
		return mqtt.NewWebsocket(plain.String(), t, timeout, nil, &mqtt.WebsocketOptions{ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10})
	}
	return nil, fmt.Errorf("scheme %q is none of tcp, tls, ws, wss", u.Scheme)
}

func authority(u *url.URL, port string) string {
	if u.Port() != "" {
		port = u.Port()
	}
	return net.JoinHostPort(u.Hostname(), port)
}
