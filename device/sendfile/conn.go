package sendfile

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is a connection while net/http has it. It behaves like a *net.TCPConn, but for a Read of an idle connection: that
// may end with a timeout, after which Close parks the connection instead of closing it.
type Conn struct {
	s    *sock
	file *os.File        // a duplicate, in Go's own poller
	raw  syscall.RawConn // of file

	mu       sync.Mutex // guards what follows; taken after Engine.mu, never before
	phase    phase
	since    time.Duration // when phase began
	reading  bool          // Read waits for the next request
	recalled bool          // Read was told to end
	parked   bool          // Read has ended so: Close parks
	closed   bool
	parkable parkable
	lead     []byte        // bytes that come before those in the socket
	full     int           // the largest buffer a request was read into
	armed    int           // deadlines for reading set since phase is idle
	writing  int           // Writes under way
	wrote    time.Duration // when the last of them began, or got on

	pending *transfer // the rest of a body that the socket did not take at once; of the goroutine that serves
}

// phase is what net/http is doing with a connection.
type phase uint8

const (
	asking  phase = iota // a request is being read
	active               // its handler runs
	idle                 // the response is complete, no byte of another request has been read
	blocked              // its handler writes, and the client takes nothing
)

// parkable says who knows that net/http holds no byte of the next request.
type parkable uint8

const (
	byBuffer parkable = iota // Read does, from the size of the buffer
	never
	always
)

// engineConn is a Conn, or what embeds one: a connection whose records the kernel makes.
type engineConn interface{ EngineConn() *Conn }

// errParked ends a Read whose connection the engine takes back. net/http says nothing about a timeout, and crypto/tls
// goes on after a temporary one.
var errParked net.Error = parkedError{}

type parkedError struct{}

func (parkedError) Error() string   { return "connection parked" }
func (parkedError) Timeout() bool   { return true }
func (parkedError) Temporary() bool { return true }

func newConn(s *sock) (*Conn, error) {
	e := s.loop.eng
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	c := &Conn{s: s, file: os.NewFile(uintptr(fd), ""), lead: s.lead}
	s.lead = nil
	if c.raw, err = c.file.SyscallConn(); err != nil {
		_ = c.file.Close()
		return nil, err
	}
	if s.resume != nil || s.ln.tls {
		c.parkable = never
	}
	c.since = e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lent[c] = struct{}{}
	return c, nil
}

// EngineConn returns c. What embeds a *Conn is thereby known to the engine, which then writes file bytes to the socket
// below it: only embed it in a connection whose bytes the kernel encrypts, or nobody.
func (c *Conn) EngineConn() *Conn { return c }

// SetResume makes f wrap the connection each time it is lent again, after a transfer or after being parked. What f
// returns goes to net/http. Call it before the first request is read.
func (c *Conn) SetResume(f func(*Conn) net.Conn) { c.s.resume = f }

// SetFarewell makes f be called once, with the socket's descriptor, when everything was sent and the engine is about to
// close the connection or its writing side: a layer above says goodbye. f must neither block nor close the descriptor. A
// connection that is cut off, because a file ended early or its client stalled, is closed without.
func (c *Conn) SetFarewell(f func(fd int)) {
	c.s.loop.eng.mu.Lock()
	defer c.s.loop.eng.mu.Unlock()
	c.s.farewell = f
}

// SetParkable says before a Read whether it may end because the connection is parked: only if the layer above holds no byte
// of a further request. into is how large the buffer is that net/http reads into: it is the whole of its buffer only while it
// holds none itself. Without a layer above it is not needed.
func (c *Conn) SetParkable(yes bool, into int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parkable = never
	if c.full = max(c.full, into); yes && into == c.full {
		c.parkable = always
	}
}

// Read is net.Conn's. What was read too much before a transfer comes first.
func (c *Conn) Read(p []byte) (int, error) {
	if n := c.ReadLead(p); n > 0 {
		return n, nil
	}
	switch c.beginRead(len(p)) {
	case parkNow:
		return 0, errParked
	case flushFirst:
		if err := c.flush(); err != nil {
			return 0, opError(c, "read", err)
		}
	}
	n, err := c.file.Read(p)
	return n, readError(c, c.endRead(n, err))
}

// What a Read does before it reads.
const (
	readOn = iota
	parkNow
	flushFirst
)

// beginRead notes whether this Read waits for a new request. net/http sets one deadline when it begins to wait, and another
// when it has the first bytes. It reads into what its buffer has left, so a Read as large as ever says that there is none of
// a request yet; that alone does not, as lines that were understood have left the buffer.
func (c *Conn) beginRead(size int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == active {
		return readOn
	}
	c.full = max(c.full, size)
	empty := c.armed == 1 && (c.parkable == always || c.parkable == byBuffer && size == c.full)
	switch {
	case c.pending == nil:
		c.reading = c.phase == idle && empty
		return readOn
	case c.phase == idle && empty:
		c.parked = true
		return parkNow
	}
	return flushFirst
}

// endRead finds out whether an idle Read ended because the engine wants the connection back.
func (c *Conn) endRead(n int, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
	switch {
	case n > 0 && c.recalled: // a request came in the same moment: it goes on as if nothing had been
		c.recalled = false
		_ = c.file.SetReadDeadline(time.Now().Add(c.s.loop.eng.cfg.HeaderTimeout))
	case c.recalled && errors.Is(err, os.ErrDeadlineExceeded):
		c.parked = true
		return errParked
	}
	if n > 0 && c.phase == idle {
		c.phase, c.since = asking, c.s.loop.eng.now()
	}
	return err
}

// ReadLead reads what net/http had read too much before a transfer, 0 if there is nothing of it. Read begins with it; a
// layer above needs it apart, since these bytes went through the layer already.
func (c *Conn) ReadLead(p []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.full = max(c.full, len(p))
	n := copy(p, c.lead)
	if c.lead = c.lead[n:]; len(c.lead) == 0 {
		c.lead = nil
	}
	if n > 0 && c.phase == idle {
		c.phase, c.since = asking, c.s.loop.eng.now()
	}
	return n
}

// recall makes a Read that waits for a new request end, so that the connection is parked. It does not wait.
func (c *Conn) recall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reading && !c.recalled && !c.closed {
		c.recalled = true
		_ = c.file.SetReadDeadline(time.Unix(1, 0))
	}
}

// waits returns what net/http does with the connection and since when. An idle one can be recalled.
func (c *Conn) waits() (phase, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase == idle && c.recalled:
		return active, c.since // on its way
	case c.phase == idle && !c.reading:
		return asking, c.since // some of a request is there already
	case c.writing > 0:
		return blocked, c.wrote
	}
	return c.phase, c.since
}

// setState is http.Server.ConnState's.
func (c *Conn) setState(st http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch st {
	case http.StateActive:
		c.phase = active
	case http.StateIdle:
		c.phase = idle
	default:
		return
	}
	c.since = c.s.loop.eng.now()
	c.armed = 0
}

// Close is net.Conn's; after a Read that ended with a timeout of the engine's making it parks the connection.
func (c *Conn) Close() error {
	keep, err := c.release()
	if err != nil {
		return err
	}
	if t := c.pending; t != nil {
		t.keep = keep
		c.s.loop.eng.begin(c.s, t)
		return nil
	}
	c.s.loop.eng.takeBack(c.s, keep)
	return nil
}

// release gives up the duplicate. Only the first call returns no error.
func (c *Conn) release() (keep bool, err error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return false, net.ErrClosed
	}
	c.closed = true
	keep = c.parked
	c.mu.Unlock()
	e := c.s.loop.eng
	e.mu.Lock()
	delete(e.lent, c)
	e.mu.Unlock()
	_ = c.file.Close() // the other descriptor decides about the connection
	return keep, nil
}

// Write is net.Conn's.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.flush(); err != nil {
		return 0, opError(c, "write", err)
	}
	defer c.writes()()
	n, err := c.file.Write(p)
	return n, opError(c, "write", err)
}

// writes notes that a write is under way, which lasts while the client takes nothing.
func (c *Conn) writes() (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing++
	c.wrote = c.s.loop.eng.now()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.writing--
	}
}

// ReadFrom sends what src holds, with sendfile(2) if it is a body of the engine's. Such a body it need not send to its end:
// what the socket does not take at once is pending, and goes on when net/http lets go of the connection.
func (c *Conn) ReadFrom(src io.Reader) (int64, error) {
	lim, ok := src.(*io.LimitedReader)
	if !ok {
		return io.Copy(writerOnly{c}, src)
	}
	b, ok := lim.R.(*body)
	if !ok {
		return io.Copy(writerOnly{c}, src)
	}
	t := &transfer{body: b, left: lim.N, size: lim.N}
	err := c.flush()
	if err == nil {
		err = c.sendNow(t)
	}
	if err == nil && t.left > 0 && b.mayPend {
		c.pending = t
		lim.N = 0
		return t.size, nil
	}
	if err == nil && t.left > 0 {
		err = c.sendAll(t)
	}
	lim.N = t.left
	return t.size - t.left, opError(c, "write", err)
}

type writerOnly struct{ io.Writer }

// CloseWrite shuts down the writing side, shutdown(2).
func (c *Conn) CloseWrite() error {
	failed := c.flush()
	c.s.loop.eng.farewell(c.s)
	err := c.raw.Control(func(fd uintptr) { failed = errors.Join(failed, unix.Shutdown(int(fd), unix.SHUT_WR)) })
	return opError(c, "close", errors.Join(err, failed))
}

// SyscallConn is syscall.Conn's.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.raw, nil }

// LocalAddr is the server's address, RemoteAddr the client's.
func (c *Conn) LocalAddr() net.Addr {
	var sa unix.Sockaddr
	_ = c.raw.Control(func(fd uintptr) { sa, _ = unix.Getsockname(int(fd)) })
	if p := peerOf(sa); p.IsValid() {
		return net.TCPAddrFromAddrPort(p)
	}
	return c.s.ln.addr
}

// RemoteAddr is the client's address.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.s.peer) }

// SetDeadline is net.Conn's.
func (c *Conn) SetDeadline(t time.Time) error { return c.file.SetDeadline(t) }

// SetReadDeadline is net.Conn's.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed++
	return c.file.SetReadDeadline(t)
}

// SetWriteDeadline is net.Conn's.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.file.SetWriteDeadline(t) }

func readError(c *Conn, err error) error {
	if err == nil || err == io.EOF || err == errParked {
		return err
	}
	return opError(c, "read", err)
}

// opError makes of a file's error what net.Conn returns: net/http asks whether it is a timeout.
func opError(c *Conn, op string, err error) error {
	if err == nil {
		return nil
	}
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return &net.OpError{Op: op, Net: "tcp", Addr: c.RemoteAddr(), Err: err}
}
