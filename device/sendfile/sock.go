package sendfile

import (
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// state says who owns a sock: only the owner reads, writes or closes its descriptor. Others ask with Engine.interruptLocked.
type state uint8

const (
	parked    state = iota // in its loop's epoll set, until the header of a request is there
	waiting                // a request is there, no slot is free; in Engine.waiting, owned by nobody
	lent                   // with net/http, as a *Conn
	sending                // in its loop's epoll set, until its socket takes more
	away                   // a disk worker or the rate limit has it; it returns to sending
	lingering              // answered and half closed, until the client closes too
	gone                   // descriptor closed
)

// sock is one connection, from accept(2) to close(2). Engine.mu guards state, since, asked and why.
type sock struct {
	loop *loop
	ln   *Listener
	job  *transfer // while sending or away
	lead []byte    // bytes net/http had read too many: they come before those in the socket

	resume   func(*Conn) net.Conn // what Conn.SetResume was told
	farewell func(fd int)         // what Conn.SetFarewell was told, nil once it was called; Engine.mu
	peer     netip.AddrPort
	since    time.Duration // when it was parked, or its request began
	fd       int
	slot     int32 // place in the table
	gen      int32 // tells it from another sock that had or gets its place
	state    state
	asked    bool // parked, and the first bytes of a request are there
	starting bool // lent so recently that its handler counts for Config.Starting
	wide     bool // its socket holds more than Config.Unsent
	why      End  // of its transfer, said by whoever interrupted it
}

// table finds socks by the number that epoll gives back. Engine.mu guards it.
type table struct {
	socks []*sock
	free  []int32
	gen   int32
	n     int
}

func (t *table) add(s *sock) {
	t.gen++
	t.n++
	s.gen = t.gen
	if k := len(t.free); k > 0 {
		s.slot, t.free = t.free[k-1], t.free[:k-1]
		t.socks[s.slot] = s
		return
	}
	s.slot = int32(len(t.socks))
	t.socks = append(t.socks, s)
}

func (t *table) remove(s *sock) {
	t.socks[s.slot] = nil
	t.free = append(t.free, s.slot)
	t.n--
}

// lookup returns the sock an epoll event is for and its state, or nil if that one is gone.
func (e *Engine) lookup(ev *unix.EpollEvent) (*sock, state) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.table.socks[ev.Fd]
	if s == nil || s.gen != ev.Pad {
		return nil, gone
	}
	return s, s.state
}

// all returns every sock there is.
func (e *Engine) all() []*sock {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*sock, 0, e.table.n)
	for _, s := range e.table.socks {
		if s != nil {
			list = append(list, s)
		}
	}
	return list
}

// setLocked makes st the state of s and puts its descriptor into, or takes it out of, its loop's epoll set. A descriptor
// is in the set exactly while the loop owns it, so nobody can close it or give it away under an event.
func (e *Engine) setLocked(s *sock, st state) {
	was, is := s.state.events(), st.events()
	s.state = st
	s.since = e.now()
	if was == is {
		return
	}
	op := unix.EPOLL_CTL_MOD
	switch {
	case was == 0:
		op = unix.EPOLL_CTL_ADD
	case is == 0:
		op = unix.EPOLL_CTL_DEL
	}
	ev := unix.EpollEvent{Events: is, Fd: s.slot, Pad: s.gen}
	if err := unix.EpollCtl(s.loop.ep, op, s.fd, &ev); err != nil {
		e.stats.failures.Add(1)
		_ = unix.Shutdown(s.fd, unix.SHUT_RDWR)
	}
}

// events are what a loop wants to hear of a sock in that state, epoll_ctl(2). A parked one is edge triggered: a request
// that arrives in pieces stays in the socket. A sending one is level triggered: after a short write the next epoll_wait
// finds out by itself whether the socket is full, or the file ended early and there is more to learn at once.
func (st state) events() uint32 {
	switch st {
	case parked, lingering:
		return unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
	case sending:
		return unix.EPOLLOUT
	}
	return 0
}

// closeLocked closes the descriptor, which takes it out of every epoll set. Only the owner calls it. What the socket
// still holds goes on to the client.
func (e *Engine) closeLocked(s *sock) {
	if s.state == gone {
		return
	}
	if s.state == parked || s.state == waiting {
		s.farewellLocked()
	}
	_ = unix.Close(s.fd) // nothing is to be learnt: what was sent is in the kernel's hands
	s.state = gone
	s.lead = nil
	e.narrowLocked(s)
	e.table.remove(s)
	e.resumeLocked()
}

// farewell lets the layer above say goodbye.
func (e *Engine) farewell(s *sock) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.farewellLocked()
}

func (s *sock) farewellLocked() {
	if f := s.farewell; f != nil {
		s.farewell = nil
		f(s.fd)
	}
}

// interruptLocked ends what the owner of s does with it, and its transfer with why: the socket is shut down, which the
// owner notices. It does not wait.
func (e *Engine) interruptLocked(s *sock, why End) {
	switch s.state {
	case gone, lent:
		return
	case waiting:
		e.closeLocked(s)
		return
	}
	if s.state == parked {
		s.farewellLocked()
	}
	if s.why == Done {
		s.why = why
	}
	_ = unix.Shutdown(s.fd, unix.SHUT_RDWR) // fails only if the client was faster
}
