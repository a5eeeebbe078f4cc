package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// StartCorrected is the StartSource of a clip whose start was told by a clock that was found to be wrong.
const StartCorrected = "corrected"

// MaxSteps bounds how often a clock may be set before it is trusted; steps beyond it are not told apart.
const MaxSteps = 16

// agreed is how far a start may be from its file's own time and still come from the same clock; design.md, "Time".
const agreed = 24 * time.Hour

// Boot is what the wall clock showed in one boot of the board before it was trusted. A clock is told by its base, the
// wall time at which the boot would have begun by it.
type Boot struct {
	ID    string
	Steps []Step // never empty, in order
	// Right is the base of the trusted clock, and Until the uptime when it was met; both zero before.
	Right time.Time
	Until time.Duration
}

// Step is one setting of a clock that is not trusted: from the uptime From on, its base was Base.
type Step struct {
	Base time.Time
	From time.Duration
}

// Offset is how far the clock was off when it was trusted at last: what must be added to what it had shown.
func (b *Boot) Offset() time.Duration { return b.Right.Sub(b.Steps[len(b.Steps)-1].Base) }

// off tells how far the clock was off when it set a file's mtime; the last step that fits counts. ok is false for an
// mtime that no wrong clock of this boot showed.
func (b *Boot) off(mtime time.Time) (offset time.Duration, ok bool) {
	until := b.Until
	for _, s := range slices.Backward(b.Steps) {
		if from, to := s.shown(until); !mtime.Before(from) && !mtime.After(to) {
			return b.Right.Sub(s.Base), true
		}
		until = s.From
	}
	return 0, false
}

// shown is what the clock showed from the step until the given uptime.
func (s Step) shown(until time.Duration) (from, to time.Time) {
	return s.Base.Add(s.From), s.Base.Add(until)
}

// correct sets r's start right if it came from a wrong clock of this boot, and reports whether it did. A name or a
// container that has a clock of its own keeps its time: it is nearer to the true one.
func (b *Boot) correct(r *row, now time.Time) bool {
	if b == nil || b.Right.IsZero() || r.BootID != b.ID || r.StartSource == "" || r.StartSource == StartCorrected {
		return false
	}
	offset, ok := b.off(r.Mtime)
	if !ok || r.ClockSynced && offset < 0 && !r.Mtime.After(now) {
		return false // what a clock that was ahead had shown comes again, and then the trusted one shows it
	}
	end := r.Mtime.Add(-r.Duration)
	wrong, right := r.Start.Sub(end).Abs(), r.Start.Sub(end.Add(offset)).Abs()
	if wrong > agreed || wrong > right {
		return false
	}
	r.Start, r.StartSource = r.Start.Add(offset), StartCorrected
	return true
}

// Boot returns what was kept of the boot Options names; ok is false if nothing was.
func (s *Store) Boot() (b Boot, ok bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		kept, err := readBoot(tx, s.BootID)
		if kept != nil {
			b, ok = *kept, true
		}
		return err
	})
	return b, ok, err
}

// readBoot returns nil where nothing is kept of the boot id.
func readBoot(tx *bolt.Tx, id string) (*Boot, error) {
	value := tx.Bucket(bucketMeta).Get(metaBoot)
	if value == nil {
		return nil, nil
	}
	payload, err := unseal(bucketMeta, metaBoot, value)
	if err != nil {
		return nil, err
	}
	b, err := decodeBoot(payload)
	if err != nil || b.ID != id {
		return nil, err
	}
	return &b, nil
}

func decodeBoot(payload []byte) (Boot, error) {
	d := decoder{b: payload}
	b := Boot{ID: d.string(), Right: d.time(), Until: time.Duration(d.varint())}
	if b.Right.Unix() == 0 {
		b.Right = time.Time{}
	}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		b.Steps = append(b.Steps, Step{d.time(), time.Duration(d.varint())})
	}
	if d.end() != nil || len(b.Steps) == 0 {
		return Boot{}, fmt.Errorf("%w: what is kept of the boot", ErrDamaged)
	}
	return b, nil
}

func (b *Boot) append(out []byte) []byte {
	right := b.Right
	if right.IsZero() {
		right = time.Unix(0, 0)
	}
	out = appendTime(appendString(out, b.ID), right)
	out = binary.AppendVarint(out, int64(b.Until))
	out = binary.AppendUvarint(out, uint64(len(b.Steps)))
	for _, s := range b.Steps {
		out = binary.AppendVarint(appendTime(out, s.Base), int64(s.From))
	}
	return out
}

// KeepBoot remembers what the wall clock of this boot shows, for as long as it is not trusted.
func KeepBoot(b Boot) Op {
	return Op{what: "keeping the time of boot " + b.ID, run: func(x *change) error { return x.keepBoot(b) }}
}

func (x *change) keepBoot(b Boot) error {
	if b.ID == "" || len(b.ID) > maxCamera || len(b.Steps) == 0 || len(b.Steps) > MaxSteps {
		return fmt.Errorf("a boot %.40q with %d steps of its clock cannot be kept", b.ID, len(b.Steps))
	}
	x.boot = &b
	return x.put(bucketMeta, metaBoot, seal(bucketMeta, metaBoot, b.append(nil)))
}

// Synchronise corrects the starts of all clips of this boot that came from the wrong clock, remembers b so that those
// which are added from now on are corrected as well, and writes one time_corrected, all together. Ids stay: they come
// from the file's mtime, which nobody changes.
func Synchronise(b Boot) Op {
	return Op{what: "correcting the times of boot " + b.ID, run: func(x *change) error {
		if err := x.keepBoot(b); err != nil {
			return err
		}
		ids, err := x.shown(&b)
		if err != nil {
			return err
		}
		count := 0
		for _, id := range ids {
			corrected, err := x.correct(&b, id)
			if err != nil {
				return err
			}
			count += corrected
		}
		return x.tell(Event{Type: TimeCorrected, Offset: b.Offset(), Count: count})
	}}
}

// shown collects the ids of clips with an mtime that a wrong clock of this boot showed; ids begin with it, so that only
// these are read.
func (x *change) shown(b *Boot) (ids []ID, err error) {
	c := x.tx.Bucket(bucketClips).Cursor()
	for i, s := range b.Steps {
		until := b.Until
		if i+1 < len(b.Steps) {
			until = b.Steps[i+1].From
		}
		from, to := s.shown(until)
		last := firstID(to.Add(time.Second))
		first := firstID(from)
		for k, _ := c.Seek(first[:]); len(k) == len(ID{}) && ID(k) != last && string(k) < string(last[:]); k, _ = c.Next() {
			ids = append(ids, ID(k))
		}
	}
	return ids, nil
}

// firstID is the lowest id a file with the mtime t may have.
func firstID(t time.Time) (id ID) {
	var sec [8]byte
	binary.BigEndian.PutUint64(sec[:], uint64(max(t.Unix(), 0)))
	copy(id[:5], sec[3:])
	return id
}

// correct returns 1 if the clip id was corrected and is listed.
func (x *change) correct(b *Boot, id ID) (int, error) {
	r, err := x.lookup(id)
	if err != nil || r == nil {
		return 0, err
	}
	next := *r
	if !b.correct(&next, x.now) {
		return 0, nil
	}
	if err := x.replace(r, &next); err != nil || !next.listed() {
		return 0, err
	}
	return 1, nil
}
