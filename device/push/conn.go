package push

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"clipd/device/lane"
)

const (
	maxChunk = 1 << 20   // bytes between two looks at the limit
	unsent   = 128 << 10 // bytes that wait in the socket: more would only make the progress lie
)

// newLimit lets n bytes a second through, an eighth of it at once.
func newLimit(n int64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(n), int(min(max(n/8, 512), maxChunk)))
}

// conn is the connection of one attempt. Its ReadFrom hands the file to the kernel in pieces: net/http's Transport comes
// to it with the body, an *os.File in an io.LimitedReader, and nothing may stand in between (sendfile(2)).
type conn struct {
	*net.TCPConn
	ctx   context.Context // ends the wait for the limit
	lane  *lane.Lane
	limit *rate.Limiter // nil: unlimited
	given atomic.Int64  // bytes written to the socket

	once  sync.Once
	ended chan struct{} // closed when nothing more will be read
}

// prepare keeps what waits in the socket short. Where that cannot be had, progress is told too early and no more.
func (c *conn) prepare() {
	_ = c.control(func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent) })
}

func (c *conn) control(fn func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// acknowledged is how many bytes the other end's kernel has (TCP_INFO tcpi_bytes_acked, which counts the SYN too), or
// where the kernel does not tell, how many were written.
func (c *conn) acknowledged() int64 {
	var info *unix.TCPInfo
	err := c.control(func(fd int) (err error) {
		info, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		return err
	})
	if given := c.given.Load(); err != nil || info.Bytes_acked == 0 {
		return given
	}
	return int64(info.Bytes_acked) - 1
}

// Read implements io.Reader.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if err != nil {
		c.once.Do(func() { close(c.ended) })
	}
	return n, err
}

// Close implements io.Closer.
func (c *conn) Close() error {
	c.once.Do(func() { close(c.ended) })
	return c.TCPConn.Close()
}

// refused holds back the error of a write until what the target had said before it hung up has been read: a target that
// refuses a clip answers at once and reads no further, and its answer says more than a broken connection.
func (c *conn) refused(err error) error {
	select {
	case <-c.ended:
	case <-c.ctx.Done():
	}
	return err
}

// laneWait bounds how long one piece waits for the lane: the target must not take a box whose disk is busy for a dead one.
const laneWait = 10 * time.Second

// piece waits until the disk and the limit let some of n bytes through, and returns how many.
func (c *conn) piece(n int64) (int64, error) {
	soon, cancel := context.WithTimeout(c.ctx, laneWait)
	_ = c.lane.Pass(soon) // past its time it goes on
	cancel()
	n = min(n, maxChunk)
	if c.limit == nil {
		return n, nil
	}
	n = min(n, int64(c.limit.Burst()))
	return n, c.limit.WaitN(c.ctx, int(n))
}

// ReadFrom implements io.ReaderFrom.
func (c *conn) ReadFrom(r io.Reader) (total int64, err error) {
	body, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	for body.N > 0 {
		n, err := c.piece(body.N)
		if err != nil {
			return total, err
		}
		sent, err := c.TCPConn.ReadFrom(&io.LimitedReader{R: body.R, N: n})
		total += sent
		body.N -= sent
		c.given.Add(sent)
		if err != nil {
			return total, c.refused(err)
		}
		if sent < n {
			return total, nil // the file is shorter than it was, and the transport sees it
		}
	}
	return total, nil
}

// Write writes the header, and where TLS stands above, everything.
func (c *conn) Write(b []byte) (total int, err error) {
	for len(b) > 0 {
		n, err := c.piece(int64(len(b)))
		if err != nil {
			return total, err
		}
		sent, err := c.TCPConn.Write(b[:n])
		total += sent
		c.given.Add(int64(sent))
		if err != nil {
			return total, c.refused(err)
		}
		b = b[n:]
	}
	return total, nil
}
