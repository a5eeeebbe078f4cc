package sendfile

import (
	"bytes"
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// requestReady says whether b has the header of a request to its end, RFC 9112 §2.1 and §2.2. It does not judge it.
func requestReady(b []byte) bool {
	return bytes.Contains(b, []byte("\n\r\n")) || bytes.Contains(b, []byte("\n\n"))
}

// recordReady says whether b has a TLS record to its end, RFC 8446 §5.1. What is no TLS record, such as a plain request,
// is ready too: crypto/tls has the right answer.
func recordReady(b []byte) bool {
	const header, alert, applicationData = 5, 21, 23
	switch {
	case len(b) == 0:
		return false
	case b[0] < 20 || b[0] > applicationData:
		return true
	}
	return len(b) >= header && len(b) >= header+int(binary.BigEndian.Uint16(b[3:]))
}

// readable looks at what a parked connection has, leaving it in the socket, and lends the connection if that is enough.
func (l *loop) readable(s *sock) {
	n := copy(l.peek[:], s.lead)
	k, _, err := unix.Recvfrom(s.fd, l.peek[n:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	for err == unix.EINTR {
		k, _, err = unix.Recvfrom(s.fd, l.peek[n:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	}
	n += max(k, 0)
	enough := n == len(l.peek) || s.ln.ready(l.peek[:n])
	l.eng.mu.Lock()
	defer l.eng.mu.Unlock()
	switch {
	case s.state != parked: // dropped meanwhile
	case s.why != Done || s.ln.isClosed():
		l.eng.closeLocked(s)
	case enough:
		l.eng.offerLocked(s)
	case err == unix.EAGAIN:
		l.asking(s, n)
	case err != nil || k == 0: // the client is gone, or can never finish its request
		l.eng.closeLocked(s)
	default:
		l.asking(s, n)
	}
}

// asking notes when a request began that is not complete.
func (l *loop) asking(s *sock, n int) {
	if n > 0 && !s.asked {
		s.asked = true
		s.since = l.eng.now()
	}
}

// offerLocked lends s to net/http, or queues it for a slot.
func (e *Engine) offerLocked(s *sock) {
	s.asked = false
	if !e.mayLendLocked() {
		e.setLocked(s, waiting)
		e.waiting = append(e.waiting, s)
		if e.slots == 0 {
			e.makeSlotLocked()
		}
		return
	}
	e.slots--
	e.starting++
	s.starting = true
	e.setLocked(s, lent)
	s.ln.lendTo <- s
}

// mayLendLocked says whether there is a slot, and few enough connections have just got theirs.
func (e *Engine) mayLendLocked() bool { return e.slots > 0 && e.starting < e.cfg.Starting }

// startedLocked notes that the handler of s is done, or lasts.
func (e *Engine) startedLocked(s *sock) {
	if s.starting {
		s.starting = false
		e.starting--
	}
}

// freeSlotLocked gives the slot of s back and at once to who waited longest.
func (e *Engine) freeSlotLocked(s *sock) {
	e.startedLocked(s)
	e.slots++
	e.lendWaitingLocked()
}

// lendWaitingLocked lends to those that wait.
func (e *Engine) lendWaitingLocked() {
	for len(e.waiting) > 0 && e.mayLendLocked() {
		s := e.waiting[0]
		e.waiting[0] = nil
		e.waiting = e.waiting[1:]
		switch {
		case s.state != waiting:
		case s.ln.isClosed():
			e.closeLocked(s)
		default:
			e.offerLocked(s)
		}
	}
	if len(e.waiting) == 0 {
		e.waiting = nil
	}
}

// mostIdle is how many connections net/http may have before those that are idle are parked without Config.Grace: each costs
// some 20 KiB there.
const mostIdle = 32

// answered notes that net/http has answered a request of s.
func (e *Engine) answered(s *sock) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.starting {
		e.startedLocked(s)
		e.lendWaitingLocked()
	}
	if len(e.lent) > mostIdle {
		if c, _ := e.longestLocked(); c != nil {
			c.recall()
		}
	}
}

// giveUp closes a lent connection that net/http never got.
func (e *Engine) giveUp(s *sock) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.giveUpLocked(s)
}

func (e *Engine) giveUpLocked(s *sock) {
	e.closeLocked(s)
	e.freeSlotLocked(s)
}

// takeBack ends the loan of s: it is parked, or closed once the client has heard all.
func (e *Engine) takeBack(s *sock, keep bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if keep {
		e.parkLocked(s)
	} else {
		e.lingerLocked(s)
	}
	e.freeSlotLocked(s)
}

// parkLocked waits for the next request of s. One that is in lead already is not waited for: no event would tell.
func (e *Engine) parkLocked(s *sock) {
	switch {
	case e.draining || s.ln.isClosed():
		e.closeLocked(s)
	case len(s.lead) > 0 && s.ln.ready(s.lead):
		e.offerLocked(s)
	default:
		e.setLocked(s, parked)
	}
}

// makeSlotLocked frees a slot for those that wait: net/http's longest idle connection is parked; without one, that is
// closed which has been at the same thing longest beyond its fair chance: a header that does not end, a write that the
// client does not take.
func (e *Engine) makeSlotLocked() {
	switch idlest, slowest := e.longestLocked(); {
	case idlest != nil:
		idlest.recall()
	case slowest != nil:
		e.stats.evicted.Add(1)
		_ = unix.Shutdown(slowest.s.fd, unix.SHUT_RDWR) // its Read or Write ends
	}
}

// longestLocked returns the connection that has been idle longest and the one most beyond its chance, nil where there is none.
func (e *Engine) longestLocked() (idlest, slowest *Conn) {
	idleFor, tooSlow := time.Duration(-1), time.Duration(0)
	now := e.now()
	for c := range e.lent {
		phase, since := c.waits()
		age := now - since
		if phase == idle && age > idleFor {
			idlest, idleFor = c, age
		}
		if late := age - chance[phase]; phase != active && phase != idle && late > tooSlow {
			slowest, tooSlow = c, late
		}
	}
	return idlest, slowest
}

// chance is how long a lent connection may be in a phase although others wait.
var chance = [...]time.Duration{asking: time.Second, blocked: 5 * time.Second}
