package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	eventVersion = 1

	maxJournalRows = 200_000
	maxJournalSize = 64 << 20 // bytes of keys and values

	// When one of them is passed, a hundredth is cut at once, so that most commits leave the journal's start alone.
	cutPart = 100
	cutRows = 2_000 // the most that one commit cuts, and what it has brought

	uncleanJump = 1_000 // what seq leaves out after an unclean stop
)

// journalLimit is how long the journal may grow; size counts the bytes of keys and values.
type journalLimit struct{ rows, size int64 }

// Events returns up to limit rows with a seq above after, in order. gap: rows between after and the first one returned
// are no longer (or, for a foreign seq, never were) in the journal. For a seq above the last one, which is another
// generation's, rows come from the journal's start.
func (s *Store) Events(after uint64, limit int) (events []Event, gap bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		sum, err := readSums(tx)
		if err != nil {
			return err
		}
		if after > sum.last {
			after, gap = 0, true
		}
		gap = gap || after < sum.trimmed
		events, gap, err = s.read(tx.Bucket(bucketJournal).Cursor(), after, limit, gap)
		return err
	})
	return events, gap, err
}

// read reads rows up to the first damaged one; damaged ones before the first sound one are a gap.
func (s *Store) read(c *bolt.Cursor, after uint64, limit int, gap bool) ([]Event, bool, error) {
	var events []Event
	prev := seqKey(after)
	for k, v := c.Seek(seqKey(after + 1)); k != nil && len(events) < limit; k, v = c.Next() {
		if err := rising(bucketJournal, prev, k); err != nil {
			return nil, false, err
		}
		prev = k
		e, err := decodeEvent(k, v)
		if err == nil {
			events = append(events, e)
			continue
		}
		s.dropped(err)
		if len(events) > 0 {
			break
		}
		gap = true
	}
	return events, gap, nil
}

// Journal returns the first and last seq in the journal; last is 0 in a new catalogue. It does not block.
func (s *Store) Journal() (first, last uint64) { return s.first.Load(), s.last.Load() }

// Next blocks until the journal has a row after seq (true), or ctx is done or the store closed (false). A seq above the
// last one is another generation's: what Events has for it is there already.
func (s *Store) Next(ctx context.Context, after uint64) bool {
	for {
		changed := s.Changed()
		if last := s.last.Load(); last != after && last != 0 {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		case <-s.stop:
			return false
		}
	}
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// tell appends e to the journal.
func (x *change) tell(e Event) error {
	e.Seq = x.sums.last + x.jump + 1
	if e.Time.IsZero() {
		e.Time = x.now
	}
	e.BootID, e.ClockSynced = x.bootID, x.synced
	key := seqKey(e.Seq)
	value := seal(bucketJournal, key, appendEvent(make([]byte, 0, 320), &e))
	x.jump = 0
	x.sums.last = e.Seq
	x.sums.rows++
	x.sums.size += int64(len(key) + len(value))
	return x.put(bucketJournal, key, value)
}

// cut takes rows off the journal's start when it has grown too long: somewhat more than needed, but no more at once than
// a commit may bring.
func (x *change) cut() error {
	if x.sums.rows <= x.limit.rows && x.sums.size <= x.limit.size {
		return nil
	}
	b := x.tx.Bucket(bucketJournal)
	var keys [][]byte
	c := b.Cursor()
	for k, v := c.First(); k != nil && len(keys) < cutRows+x.writes && x.long(); k, v = c.Next() {
		keys = append(keys, bytes.Clone(k))
		x.sums.rows--
		x.sums.size -= int64(len(k) + len(v))
	}
	for _, k := range keys {
		if err := x.delete(bucketJournal, k); err != nil {
			return err
		}
		x.sums.trimmed = binary.BigEndian.Uint64(k)
	}
	return nil
}

func (x *change) long() bool {
	return x.sums.rows > x.limit.rows-x.limit.rows/cutPart || x.sums.size > x.limit.size-x.limit.size/cutPart
}

const (
	eventSynced = 1 << iota
	eventClip
	eventFlags = eventClip<<1 - 1
)

func appendEvent(b []byte, e *Event) []byte {
	var flags byte
	if e.ClockSynced {
		flags |= eventSynced
	}
	if !e.Clip.ID.IsZero() {
		flags |= eventClip
	}
	b = append(b, eventVersion, flags)
	for _, s := range [...]string{string(e.Type), string(e.Origin), e.BootID, e.Reason, e.Target} {
		b = appendString(b, s)
	}
	b = appendTime(b, e.Time)
	b = binary.AppendVarint(b, int64(e.Offset))
	b = binary.AppendVarint(b, int64(e.Count))
	if flags&eventClip != 0 {
		b = append(b, e.Clip.ID[:]...)
		b = appendRow(b, &row{Clip: e.Clip, stage: StageListed})
	}
	return b
}

// decodeEvent reads a journal row.
func decodeEvent(key, value []byte) (Event, error) {
	payload, err := unseal(bucketJournal, key, value)
	if err != nil {
		return Event{}, err
	}
	if len(key) != 8 {
		return Event{}, fmt.Errorf("%w: journal key %.20q", ErrDamaged, key)
	}
	d := decoder{b: payload}
	e := d.event()
	e.Seq = binary.BigEndian.Uint64(key)
	if err := d.end(); err != nil {
		return Event{}, fmt.Errorf("journal row %d: %w", e.Seq, err)
	}
	return e, nil
}

func (d *decoder) event() (e Event) {
	version, flags := d.byte(), d.byte()
	if version != eventVersion || flags > eventFlags {
		d.bad = true
		return Event{}
	}
	e.ClockSynced = flags&eventSynced != 0
	e.Type, e.Origin = EventType(d.string()), Origin(d.string())
	e.BootID, e.Reason, e.Target = d.string(), d.string(), d.string()
	e.Time = d.time()
	e.Offset = time.Duration(d.varint())
	e.Count = d.int()
	if flags&eventClip != 0 {
		var id ID
		copy(id[:], d.take(uint64(len(id))))
		e.Clip = d.row().Clip
		e.Clip.ID = id
	}
	return e
}
