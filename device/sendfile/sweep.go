package sendfile

import (
	"time"

	"golang.org/x/sys/unix"
)

// lingerFor is how long a connection that is answered and half closed may stay.
const lingerFor = 5 * time.Second

// startingFor is how long a lent connection counts for Config.Starting.
const startingFor = 250 * time.Millisecond

// sweep ends what has taken too long.
func (e *Engine) sweep(now time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.table.socks {
		if s != nil {
			e.sweepSock(s, now)
		}
	}
	for c := range e.lent {
		if now-c.s.since > startingFor {
			e.startedLocked(c.s)
		}
		switch phase, since := c.waits(); {
		case phase == idle && now-since > e.cfg.Grace:
			c.recall()
		case phase == blocked && now-since > e.cfg.StallAfter:
			_ = unix.Shutdown(c.s.fd, unix.SHUT_RDWR) // its Write ends
		}
	}
	e.lendWaitingLocked()
	if len(e.waiting) > 0 && e.slots == 0 {
		e.makeSlotLocked()
	}
	e.resumeLocked()
}

func (e *Engine) sweepSock(s *sock, now time.Duration) {
	age := now - s.since
	switch s.state {
	case parked:
		if limit := e.cfg.IdleTimeout; s.asked && age > e.cfg.HeaderTimeout || age > limit {
			e.interruptLocked(s, Shutdown)
		}
	case waiting:
		if age > e.cfg.IdleTimeout {
			e.interruptLocked(s, Shutdown)
		}
	case lingering:
		if age > lingerFor {
			e.interruptLocked(s, Shutdown)
		}
	case sending:
		e.look(s, now)
		if now-s.job.progress > e.cfg.DropAfter {
			e.interruptLocked(s, Stalled)
		}
	}
}

// look finds out whether the client of a transfer takes anything: the socket took more, or bytes were acknowledged.
func (e *Engine) look(s *sock, now time.Duration) {
	t := s.job
	if moved := t.moved.Load(); moved != t.seen {
		t.seen, t.progress = moved, now
		return
	}
	if now-t.looked < e.cfg.StallAfter/8 {
		return
	}
	t.looked = now
	info, err := unix.GetsockoptTCPInfo(s.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err == nil && info.Bytes_acked != t.acked {
		t.acked, t.progress = info.Bytes_acked, now
	}
}

// admitTransfer reserves a transfer, with copied one that a handler sends, and says whether there was one. When there are
// too many, the longest stalled goes.
func (e *Engine) admitTransfer(copied bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped || copied && e.copies >= e.cfg.Copies {
		return false
	}
	if e.transfers >= e.cfg.MaxTransfers && !e.dropStalledLocked() {
		return false
	}
	e.transfers++
	if copied {
		e.copies++
	}
	return true
}

func (e *Engine) dropStalledLocked() bool {
	now := e.now()
	var longest *sock
	for _, s := range e.table.socks {
		if s == nil || s.state != sending || s.why != Done || now-s.job.progress < e.cfg.StallAfter {
			continue
		}
		if longest == nil || s.job.progress < longest.job.progress {
			longest = s
		}
	}
	if longest != nil {
		e.interruptLocked(longest, Stalled)
	}
	return longest != nil
}

// cancelTransfer gives back what admitTransfer reserved.
func (e *Engine) cancelTransfer(copied bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.transfers--
	if copied {
		e.copies--
	}
	e.drainedLocked()
}

// dropParked closes the connections that have nothing to say.
func (e *Engine) dropParked() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.table.socks {
		if s != nil && (s.state == parked || s.state == waiting) {
			e.interruptLocked(s, Shutdown)
		}
	}
	e.drainedLocked()
}

// interruptAll ends every transfer.
func (e *Engine) interruptAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.table.socks {
		if s != nil {
			e.interruptLocked(s, Shutdown)
		}
	}
}
