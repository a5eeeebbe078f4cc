package sendfile

import (
	"context"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pace asks the kernel to send at most rate bytes per second on a socket, and says whether it will: SO_MAX_PACING_RATE,
// which TCP sees to itself since Linux 4.13. It stays so: the end of a transfer is in the socket long after the engine is
// done with it.
func pace(fd int, rate int64) bool {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, int(min(rate, 1<<31-1))) == nil
}

// pace limits all that is sent on the connection.
func (c *Conn) pace(rate int64) {
	_ = c.raw.Control(func(fd uintptr) { pace(int(fd), rate) }) // a kernel that does not leaves it to allowance and limited
}

// paces says whether this kernel limits what one socket sends; an emulator of another processor does not.
func paces() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return pace(fd, 1<<20)
}

// bucket is what all transfers together may send: an amount that fills at rate up to an eighth of a second's worth.
// A nil bucket holds as much as is asked for.
type bucket struct {
	rate int64
	mu   sync.Mutex
	has  int64
	at   time.Time
}

func newBucket(rate int64) *bucket {
	if rate <= 0 {
		return nil
	}
	return &bucket{rate: rate, at: time.Now()}
}

// take takes n out, which may leave a debt.
func (b *bucket) take(n int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.has -= n
}

// look returns what it holds, and when it will hold something.
func (b *bucket) look() (has int64, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.has = min(b.has+int64(now.Sub(b.at).Seconds()*float64(b.rate)), b.rate/8+1)
	b.at = now
	return b.has, tooSoon
}

// tooSoon is how long a transfer waits that may not go on because of a limit.
const tooSoon = 10 * time.Millisecond

// share is what one transfer may take of the total in one turn, so that all get some.
func (b *bucket) share() int64 { return max(4<<10, b.rate/256) }

// allowance is how many bytes t may send in this turn, or when to ask again.
func (e *Engine) allowance(t *transfer) (n int64, until time.Duration) {
	n = e.cfg.Quantum
	if t.pace > 0 {
		now := e.now()
		due := int64((now-t.begun).Seconds()*float64(t.pace)) + t.pace/8
		n, until = min(n, due-t.moved.Load()), now+tooSoon
	}
	if e.rate != nil && n > 0 {
		has, wait := e.rate.look()
		n, until = min(n, has, e.rate.share()), e.now()+wait
	}
	return n, until
}

// queue is the socks that a limit keeps from going on, first come, first served. Engine.mu guards it.
type queue struct{ list []pause }

type pause struct {
	s     *sock
	until time.Duration
}

// next is when the first may go on.
func (q *queue) next() (time.Duration, bool) {
	if len(q.list) == 0 {
		return 0, false
	}
	return q.list[0].until, true
}

// hold takes s out of its loop's sight until then.
func (e *Engine) hold(s *sock, until time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.setLocked(s, away)
	e.held.list = append(e.held.list, pause{s, until})
	if s.loop != e.loops[0] && len(e.held.list) == 1 {
		e.loops[0].wake()
	}
}

// letGo gives those back to their loops whose time has come.
func (e *Engine) letGo(now time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	q := &e.held
	for len(q.list) > 0 && q.list[0].until <= now {
		s := q.list[0].s
		q.list = q.list[1:]
		if s.state == away && s.job != nil {
			e.setLocked(s, sending)
		}
	}
	if len(q.list) == 0 {
		q.list = nil
	}
}

// limited is src at the pace of the limits that nobody else keeps for what a handler sends.
func (h *handOver) limited(src io.Reader) io.Reader {
	if rate := h.eng.cfg.TransferRate; rate > 0 && !h.eng.paces {
		src = limited{src, h.r.Context(), newBucket(rate)}
	}
	if h.eng.rate != nil {
		src = limited{src, h.r.Context(), h.eng.rate}
	}
	return src
}

// limited reads what a handler sends at the pace of a limit.
type limited struct {
	io.Reader
	ctx  context.Context
	rate *bucket
}

// Read is io.Reader's. It blocks until some bytes may go, or the request is over.
func (l limited) Read(p []byte) (int, error) {
	has, wait := l.rate.look()
	for has <= 0 {
		select {
		case <-time.After(wait):
		case <-l.ctx.Done():
			return 0, l.ctx.Err()
		}
		has, wait = l.rate.look()
	}
	n, err := l.Reader.Read(p[:min(int64(len(p)), has, l.rate.share())])
	l.rate.take(int64(n))
	return n, err
}
