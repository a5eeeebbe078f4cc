package announce

import (
	"fmt"
	"sync"

	"clipd/store"
)

// MaxReplay is how many rows one Replay tells at most.
const MaxReplay = 1000

// Replayed is what a Replay tells again.
type Replayed struct {
	From  uint64 `json:"from"`           // seq of the first row
	To    uint64 `json:"to"`             // seq of the last; 0 where there is none
	Count int    `json:"count"`          // rows
	Next  uint64 `json:"next,omitempty"` // where to ask on; 0 at the journal's end
	Gap   bool   `json:"gap,omitempty"`  // the journal no longer has all rows from the seq asked for
}

// replay is journal rows that somebody wants to hear again. It outlives sessions: one that was not acknowledged is
// published by the next. It moves no cursor. Safe for concurrent use.
type replay struct {
	mu       sync.Mutex
	reserved bool   // one is about to begin
	acked    uint64 // rows up to here were heard
	read     uint64 // rows up to here are in rows or were published
	to       uint64 // the last; there is nothing to tell when acked has come here
	count    int
	rows     []store.Event
}

// Replay publishes the journal rows from seq on once more, at most limit (and MaxReplay) of them, when there is nothing
// new to announce. first is called with what they are before any is published; its error is returned, and none is. ok is
// false while an earlier replay is still going on. It does not block on the broker.
func (a *Announcer) Replay(from uint64, limit int, first func(Replayed) error) (ok bool, err error) {
	if !a.replay.reserve() {
		return false, nil
	}
	from = max(from, 1)
	r, err := a.span(from-1, min(limit, MaxReplay))
	if err == nil {
		err = first(r)
	}
	if err != nil {
		r.Count = 0
	}
	a.replay.begin(from-1, r)
	a.Poke()
	return true, err
}

// reserve is false while rows are still to be told.
func (r *replay) reserve() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reserved || r.acked < r.to {
		return false
	}
	r.reserved = true
	return true
}

// begin ends the reservation.
func (r *replay) begin(after uint64, what Replayed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reserved = false
	if what.Count > 0 {
		r.acked, r.read, r.to, r.count, r.rows = after, after, what.To, what.Count, nil
	}
}

// span says which rows there are after a seq, a page at a time.
func (a *Announcer) span(after uint64, limit int) (r Replayed, err error) {
	for r.Count < limit {
		rows, gap, err := a.cfg.Store.Events(after, min(page, limit-r.Count))
		if err != nil {
			return r, fmt.Errorf("read the journal from %d: %w", after+1, err)
		}
		r.Gap = r.Gap || gap
		if len(rows) == 0 {
			return r, nil
		}
		if r.Count == 0 {
			r.From = rows[0].Seq
		}
		after = rows[len(rows)-1].Seq
		r.To, r.Count = after, r.Count+len(rows)
	}
	if _, last := a.cfg.Store.Journal(); last > after {
		r.Next = after + 1
	}
	return r, nil
}

// resume begins again behind what was heard, for a new session.
func (r *replay) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read, r.rows = r.acked, nil
}

func (r *replay) heard(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acked = seq
}

func (r *replay) more() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.rows) > 0 || r.read < r.to
}

// next returns the next row to publish; many: it is one of more than a few.
func (r *replay) next(s *store.Store) (e store.Event, many, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rows) == 0 && r.read < r.to {
		if r.rows, _, err = s.Events(r.read, page); err != nil {
			return e, false, false, err
		}
		if len(r.rows) == 0 {
			r.acked, r.read = r.to, r.to // the journal was cut meanwhile
			return e, false, false, nil
		}
		r.read = r.rows[len(r.rows)-1].Seq
	}
	if len(r.rows) == 0 || r.rows[0].Seq > r.to {
		r.rows = nil
		return e, false, false, nil
	}
	e = r.rows[0]
	r.rows = r.rows[1:]
	return e, r.count > few, true, nil
}

// again publishes rows of a replay while there is nothing new to tell and the window has room to spare.
func (s *session) again() error {
	for s.idle() && !s.unacked.crowded() && s.fault == nil {
		e, many, ok, err := s.replay.next(s.cfg.Store)
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		if !ok {
			return nil
		}
		s.announce(e, 0, many, func() { s.replay.heard(e.Seq) })
	}
	return nil
}
