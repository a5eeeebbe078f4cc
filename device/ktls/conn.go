package ktls

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// Conn is the server's side of a TLS connection whose records the kernel makes. What it writes goes to the socket, what it
// reads is decrypted here. As with any net.Conn, one goroutine reads and another may write.
type Conn struct {
	raw   net.Conn
	in    *reader
	state *tls.ConnectionState
}

// ConnectionState is what the handshake came to. Do not change it.
func (c *Conn) ConnectionState() *tls.ConnectionState { return c.state }

// NetConn is the connection below.
func (c *Conn) NetConn() net.Conn { return c.raw }

// Rebind goes on with another net.Conn of the same socket. No Read may be under way.
func (c *Conn) Rebind(raw net.Conn) { c.raw = raw }

// Read is net.Conn's.
func (c *Conn) Read(p []byte) (int, error) {
	return c.in.read(c.raw, p)
}

// Empty tells whether all that was received has been read, so that nothing is lost or forgotten if the next Read waits for
// the socket. Between two Reads only.
func (c *Conn) Empty() bool { return c.in.between() }

// LocalAddr, RemoteAddr and the deadlines are those of the connection below.
func (c *Conn) LocalAddr() net.Addr { return c.raw.LocalAddr() }

// RemoteAddr is the client's address.
func (c *Conn) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// SetDeadline is net.Conn's.
func (c *Conn) SetDeadline(t time.Time) error { return c.raw.SetDeadline(t) }

// SetReadDeadline is net.Conn's.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.raw.SetReadDeadline(t) }

// SetWriteDeadline is net.Conn's.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.raw.SetWriteDeadline(t) }

// Write is net.Conn's.
func (c *Conn) Write(p []byte) (int, error) { return c.raw.Write(p) }

// ReadFrom is io.ReaderFrom's: a file goes by sendfile(2) if the connection below does that, as a *net.TCPConn does.
func (c *Conn) ReadFrom(src io.Reader) (int64, error) {
	if rf, ok := c.raw.(io.ReaderFrom); ok {
		return rf.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{c}, src)
}

// CloseWrite sends close_notify and shuts down the writing side, if the connection below can.
func (c *Conn) CloseWrite() error {
	err := c.notify()
	if half, ok := c.raw.(interface{ CloseWrite() error }); ok {
		err = errors.Join(err, half.CloseWrite())
	}
	return err
}

// Close sends close_notify, if the socket takes it at once, and closes the connection below.
func (c *Conn) Close() error {
	_ = c.notify() // the client may be gone, or take nothing: it is closed anyway
	return c.raw.Close()
}

func (c *Conn) notify() error {
	raw, err := c.raw.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = CloseNotify(int(fd)) })
	return errors.Join(err, failed)
}
