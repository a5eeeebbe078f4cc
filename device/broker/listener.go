package broker

import (
	"errors"
	"net"
	"sync"
	"time"
)

const (
	connectWithin = 10 * time.Second // from accept to CONNECT; mochi sets its own read deadline after that
	writeWithin   = 10 * time.Second // for a peer to take one write
	acceptAgain   = 100 * time.Millisecond
)

// listener gives mochi connections that cannot hold it up: at most max at once, each with a deadline for CONNECT and one
// for every write. mochi writes to a client under a lock that a take-over and its own stop wait for.
type listener struct {
	net.Listener
	max int

	mu    sync.Mutex
	conns map[*conn]struct{}
}

func newListener(l net.Listener, most int) *listener {
	return &listener{Listener: l, max: most, conns: map[*conn]struct{}{}}
}

// Accept returns the next connection; its only error is that the listener was closed. mochi would stop accepting for
// good at any, so that running out of descriptors for a moment would be the end.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err
		case err != nil:
			time.Sleep(acceptAgain)
		default:
			if k := l.keep(c); k != nil {
				return k, nil
			}
		}
	}
}

// keep counts c in, or closes it when there are too many.
func (l *listener) keep(c net.Conn) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) >= l.max || c.SetReadDeadline(time.Now().Add(connectWithin)) != nil {
		c.Close()
		return nil
	}
	k := &conn{Conn: c, gone: l.forget}
	l.conns[k] = struct{}{}
	return k
}

func (l *listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// closeAll closes the listener and every connection. Without it mochi's stop waits for those that have not sent
// CONNECT yet.
func (l *listener) closeAll() {
	l.Listener.Close()
	l.mu.Lock()
	all := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
}

// conn is one client's connection.
type conn struct {
	net.Conn
	gone func(*conn)
}

// Write closes the connection when the peer does not take p in time: what was cut off cannot be mended.
func (c *conn) Write(p []byte) (int, error) {
	err := c.Conn.SetWriteDeadline(time.Now().Add(writeWithin))
	if err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.Close()
	}
	return n, err
}

// Close may be called again.
func (c *conn) Close() error {
	c.gone(c)
	return c.Conn.Close()
}
