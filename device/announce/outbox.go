package announce

import (
	"time"

	"clipd/store"
)

// item is one message about the journal.
type item struct {
	event  store.Event
	from   uint64 // of a gap: its first seq
	passes uint64 // where the cursor stands once it is acknowledged
}

// outbox reads the journal from the cursor on, a page at a time, and says what to tell of it.
type outbox struct {
	store  *store.Store
	within time.Duration
	met    func(store.Event) // sees every row, told or skipped, in order
	gap    func(seq uint64, count int) store.Event

	read  uint64 // the journal has been read up to here
	rows  []store.Event
	run   run
	since int  // rows read since the end of the journal was last seen
	more  bool // the journal may have more than what next has returned
}

// run is a row of consecutive journal rows that are not told one by one.
type run struct {
	from, last uint64
	count      int // of rows that were there to be counted
	began, fed time.Time
}

func (r *run) open() bool { return r.last != 0 }

func (r *run) add(from, last uint64, count int) {
	now := time.Now()
	if !r.open() {
		r.from, r.began = from, now
	}
	r.last, r.fed, r.count = last, now, r.count+count
}

// due is when an open run is told although no row that is told follows.
func (r *run) due(l limits) time.Time {
	return earliest(r.fed.Add(l.gapQuiet), r.began.Add(l.gapMax))
}

// next returns the next message; ok is false at the end of the journal, and after a page that held none (more says which).
func (o *outbox) next() (i item, ok bool, err error) {
	if len(o.rows) == 0 {
		if err := o.fetch(); err != nil {
			return item{}, false, err
		}
	}
	for len(o.rows) > 0 {
		e := o.rows[0]
		if !o.stale(e) {
			if o.run.open() {
				return o.flush(), true, nil
			}
			o.pop()
			return item{event: e, passes: e.Seq}, true, nil
		}
		o.run.add(e.Seq, e.Seq, 1)
		o.pop()
	}
	return item{}, false, nil
}

// flush ends the open run with its gap.
func (o *outbox) flush() item {
	r := o.run
	o.run = run{}
	return item{event: o.gap(r.last, r.count), from: r.from, passes: r.last}
}

func (o *outbox) pop() {
	o.met(o.rows[0])
	o.rows[0] = store.Event{}
	o.rows = o.rows[1:]
}

// fetch reads the next page. What the journal no longer has becomes part of a run.
func (o *outbox) fetch() error {
	rows, gap, err := o.store.Events(o.read, page)
	if err != nil {
		return err
	}
	if gap && len(rows) > 0 {
		o.miss(rows[0].Seq)
	}
	o.since += len(rows)
	if o.more = len(rows) > 0; o.more {
		o.rows, o.read = rows, rows[len(rows)-1].Seq
		return nil
	}
	if o.since > 16*page {
		o.store.Trim()
	}
	o.since = 0
	return nil
}

// miss notes that the journal goes on at first, which is not the row after read. A cursor of another catalogue may be
// ahead of it: then everything is missing that is before first.
func (o *outbox) miss(first uint64) {
	from := o.read + 1
	if first < from {
		from = 1
	}
	if first > from {
		o.run.add(from, first-1, 0)
	}
}

// stale reports whether e is a clip that a scan found and that is too old to be told of. It compares with the clock
// of the moment it was found; a clip from the future of an unset clock is as old as it is young.
func (o *outbox) stale(e store.Event) bool {
	return e.Type == store.ClipAdded && e.Origin == store.Scan && e.Time.Sub(e.Clip.Mtime).Abs() > o.within
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
