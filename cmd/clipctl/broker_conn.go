package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// maxPacket is the longest packet taken from a broker, in bytes. paho would allocate whatever length one claims.
const maxPacket = 1 << 20

// cappedConn ends with an error before a packet that is too long is delivered.
type cappedConn struct {
	net.Conn
	in   *bufio.Reader
	left int // bytes of the current packet that were not read yet
}

func (c *cappedConn) Read(p []byte) (int, error) {
	if c.left == 0 {
		if err := c.header(); err != nil {
			return 0, err
		}
	}
	n, err := c.in.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// header looks at the fixed header of the next packet (MQTT 3.1.1 §2.2) without consuming it.
func (c *cappedConn) header() error {
	length := 0
	for i := range 4 {
		b, err := c.in.Peek(i + 2)
		if err != nil {
			return err
		}
		length |= int(b[i+1]&0x7f) << (7 * i)
		if b[i+1] >= 0x80 {
			continue
		}
		if length > maxPacket {
			return fmt.Errorf("the broker sends a packet of %d bytes", length)
		}
		c.left = i + 2 + length
		return nil
	}
	return errors.New("the broker sends a packet with a malformed length")
}

// dialBroker opens the connection under a session.
func dialBroker(u *url.URL, t *tls.Config) (net.Conn, error) {
	c, err := dialScheme(u, t)
	if err != nil {
		return nil, err
	}
	return &cappedConn{Conn: c, in: bufio.NewReaderSize(c, 4<<10)}, nil
}

func dialScheme(u *url.URL, t *tls.Config) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialing}
	address := func(port string) string {
		if u.Port() != "" {
			port = u.Port()
		}
		return net.JoinHostPort(u.Hostname(), port)
	}
	switch u.Scheme {
	case "tcp", "mqtt":
		return d.Dial("tcp", address("1883"))
	case "tls", "ssl", "mqtts":
		return tls.DialWithDialer(d, "tcp", address("8883"), t)
	case "ws", "wss":
		return mqtt.NewWebsocket(u.String(), t, dialing, nil, nil)
	}
	return nil, fmt.Errorf("scheme %q is none of tcp, tls, ws, wss", u.Scheme)
}
