package sendfile

import (
	"time"

	"golang.org/x/sys/unix"
)

// Of sockets that may hold more than Config.Unsent.
const (
	wideUnsent = 2 << 20 // bytes
	wideRate   = 1 << 20 // bytes per second that a client has taken on average, and a second's worth of them at least
	mostWide   = 64      // at once: what a socket holds costs the kernel memory
)

// widen lets the socket of a client that takes its bytes fast hold more of them. The loop then moves half of that at a turn,
// and a turn costs a wakeup, a look at the page cache and a system call whatever it moves: measured with 30 clients at
// 3.3 MB/s each, 100 ms of CPU per gigabyte less. A slow client's turns are rare anyhow.
func (e *Engine) widen(s *sock, now time.Duration) {
	t := s.job
	if s.wide || t.moved.Load() < wideRate || float64(t.moved.Load()) < wideRate*(now-t.begun).Seconds() {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.wide == mostWide || e.cfg.Unsent >= wideUnsent {
		return
	}
	if unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, wideUnsent) == nil {
		s.wide = true
		e.wide++
	}
}

// narrowLocked notes that s is closed.
func (e *Engine) narrowLocked(s *sock) {
	if s.wide {
		e.wide--
	}
}
