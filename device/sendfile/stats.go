package sendfile

import "sync/atomic"

// counters are what an engine has done since it was made.
type counters struct {
	accepted, refused, evicted, failures atomic.Uint64
	bytes, copied, moves, cold, wakeups  atomic.Uint64
	ended                                [Refused + 1]atomic.Uint64
}

// Stats is what an Engine is doing and has done. The counts since its start only grow.
type Stats struct {
	Conns, Parked, Waiting, Lent, Transfers int // now
	Files                                   int // descriptors that transfers share, now

	Accepted uint64 // connections
	Refused  uint64 // connections closed at once: too many, or draining
	Evicted  uint64 // connections closed to make room for others
	Failures uint64 // of accept(2), fcntl(2) and epoll_ctl(2)
	Bytes    uint64 // of bodies, from file to socket in the kernel
	Copied   uint64 // of bodies, through user space by net/http
	Moves    uint64 // turns that sent them
	Cold     uint64 // turns that may have waited for a disk
	Wakeups  uint64 // returns of epoll_wait(2)

	Ended map[End]uint64 // transfers, short ones too, by how they ended
}

// Stats returns the numbers of this moment.
func (e *Engine) Stats() Stats {
	c := &e.stats
	st := Stats{
		Files:    e.files.len(),
		Accepted: c.accepted.Load(), Refused: c.refused.Load(), Evicted: c.evicted.Load(), Failures: c.failures.Load(),
		Bytes: c.bytes.Load(), Copied: c.copied.Load(), Moves: c.moves.Load(), Cold: c.cold.Load(), Wakeups: c.wakeups.Load(),
		Ended: map[End]uint64{},
	}
	for end := range c.ended {
		st.Ended[End(end)] = c.ended[end].Load()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	st.Conns, st.Transfers = e.table.n, e.transfers
	for _, s := range e.table.socks {
		switch {
		case s == nil:
		case s.state == parked:
			st.Parked++
		case s.state == waiting:
			st.Waiting++
		case s.state == lent:
			st.Lent++
		}
	}
	return st
}
