package sendfile

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// transfer is one response on its way: a header, then left bytes of a body from where that stands. The owner of its sock
// alone uses it, but for moved and what says Engine.mu.
type transfer struct {
	body  *body
	head  []byte
	left  int64
	size  int64
	keep  bool // the connection, afterwards
	begun time.Duration
	onEnd func(Result)
	pace  int64 // bytes per second the engine sees to; 0 if the kernel does, or nobody

	moved    atomic.Int64  // bytes of the body
	seen     int64         // moved, when last looked at; Engine.mu
	acked    uint64        // bytes the client's kernel acknowledged, at that time; Engine.mu
	progress time.Duration // when either grew; Engine.mu
	looked   time.Duration // when TCP_INFO was asked; Engine.mu
}

// turn sends at most quantum bytes of the body. It returns nil when all is sent or the quantum is, EAGAIN when the socket
// is full, errCold when it would have to wait for a disk and may not.
func (t *transfer) turn(fd int, quantum int64, mayWait bool, now time.Duration) error {
	next := func() int64 {
		if mayWait {
			return min(t.left, quantum, atOnce)
		}
		return min(quantum, t.body.warm(t.left, now))
	}
	if len(t.head) > 0 {
		n, err := sendBytes(fd, t.head, t.left > 0 && next() > 0)
		if t.head = t.head[n:]; len(t.head) > 0 || err != nil {
			return again(err)
		}
		t.head = nil
	}
	for t.left > 0 && quantum > 0 {
		n := next()
		if n == 0 {
			return errCold
		}
		n, err := t.body.send(fd, n, n < t.left, mayWait)
		t.left -= n
		quantum -= n
		t.moved.Add(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// atOnce is what is read from a disk before it is known that the client takes it.
const atOnce = 256 << 10

// again makes of a short write what the next one would say.
func again(err error) error {
	if err == nil {
		return unix.EAGAIN
	}
	return err
}

// move gives the transfer of s its turn.
func (l *loop) move(s *sock) {
	e, t := l.eng, s.job
	quantum, until := e.allowance(t)
	if quantum <= 0 {
		e.hold(s, until)
		return
	}
	err := e.turn(s.fd, t, quantum, false)
	switch {
	case err == unix.EAGAIN:
		e.widen(s, e.now())
	case err == errCold:
		e.toDisk(s)
	case err != nil || t.left == 0:
		e.finish(s, err)
	}
}

// turn is transfer's, counted.
func (e *Engine) turn(fd int, t *transfer, quantum int64, mayWait bool) error {
	before := t.left
	err := t.turn(fd, quantum, mayWait, e.now())
	n := before - t.left
	e.stats.moves.Add(1)
	e.stats.bytes.Add(uint64(n))
	e.rate.take(n)
	return err
}

// begin makes a transfer of a connection that net/http no longer has. It fails only when the engine has stopped.
func (e *Engine) begin(s *sock, t *transfer) {
	if rate := e.cfg.TransferRate; rate > 0 && !pace(s.fd, rate) {
		t.pace = rate
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t.progress, t.looked = e.now(), e.now()
	s.job = t
	if e.stopped {
		s.why = Shutdown
		e.finishLocked(s, nil)
	} else {
		e.setLocked(s, sending)
	}
	e.freeSlotLocked(s)
}

// finish ends the transfer of s because of err, or because it is done. The owner of s calls it.
func (e *Engine) finish(s *sock, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.finishLocked(s, err)
}

func (e *Engine) finishLocked(s *sock, err error) {
	t := s.job
	t.body.close()
	end := verdict(s.why, err)
	e.report(t, end, err)
	e.transfers--
	e.drainedLocked()
	s.job = nil
	switch {
	case end != Done:
		e.closeLocked(s)
	case t.keep && !e.draining:
		e.parkLocked(s)
	default:
		e.lingerLocked(s)
	}
}

// report tells whoever wants to know.
func (e *Engine) report(t *transfer, end End, err error) {
	e.stats.ended[end].Add(1)
	if t.onEnd == nil {
		return
	}
	res := Result{End: end, Bytes: t.moved.Load(), Size: t.size, Duration: e.now() - t.begun, Zero: true}
	if end == ClientGone || end == Truncated {
		res.Err = err
	}
	e.ends.add(func() { t.onEnd(res) })
}

// verdict is how a transfer ended that met err, after somebody interrupted it with why.
func verdict(why End, err error) End {
	var errno unix.Errno
	switch {
	case why != Done:
		return why
	case err == nil:
		return Done
	case err == io.EOF, errors.Is(err, errTruncated):
		return Truncated
	case errors.As(err, &errno) && (errno == unix.EIO || errno == unix.EINVAL || errno == unix.ENOENT):
		return Truncated
	case errno != 0:
		return ClientGone
	}
	return Truncated
}

// lingerLocked closes the connection after what was sent: closing at once would reset it if the client has said anything
// since, and take the end of the response with it, RFC 9112 §9.6.
func (e *Engine) lingerLocked(s *sock) {
	s.lead = nil
	s.farewellLocked()
	if e.stopped || unix.Shutdown(s.fd, unix.SHUT_WR) != nil {
		e.closeLocked(s)
		return
	}
	e.setLocked(s, lingering)
}

// linger drops what the client still says, until it has no more to say.
func (l *loop) linger(s *sock) {
	for range 64 {
		n, _, err := unix.Recvfrom(s.fd, l.peek[:], unix.MSG_DONTWAIT)
		if err == unix.EAGAIN {
			return
		}
		if err != nil && err != unix.EINTR || n == 0 {
			break
		}
	}
	l.eng.mu.Lock()
	defer l.eng.mu.Unlock()
	l.eng.closeLocked(s)
}

// discard closes a connection whose owner is no more.
func (e *Engine) discard(s *sock) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case s.state == lent, s.state == gone:
	case s.job != nil:
		s.why = Shutdown
		e.finishLocked(s, nil)
	default:
		e.closeLocked(s)
	}
}
