package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"
)

// ErrBadStep is returned for a timeline's step that is not a positive number of whole hours.
var ErrBadStep = errors.New("a timeline's step is a number of whole hours")

const maxSpans = 10_000

// Span is what one camera has in one step of a timeline.
type Span struct {
	Camera string
	From   time.Time
	Clips  int
	Bytes  int64
}

// Timeline sums clips by camera ("" for all) and step (whole hours) between from and to, from the hourly counts; steps
// with nothing are left out. Steps begin at from, taken down to the hour (UTC). Spans come by time, then by camera, the
// first 10,000 of them. ErrBadStep.
func (s *Store) Timeline(camera string, from, to time.Time, step time.Duration) ([]Span, error) {
	if step < time.Hour || step%time.Hour != 0 {
		return nil, fmt.Errorf("%w, not %s", ErrBadStep, step)
	}
	var spans []Span
	err := s.view(func(tx *bolt.Tx) error {
		lines, err := newLines(tx, camera, hourOf(from))
		if err != nil {
			return err
		}
		w := window{from: int64(hourOf(from)), end: hoursUpTo(to), step: int64(step / time.Hour)}
		spans, err = w.sum(lines)
		return err
	})
	return spans, err
}

// hoursUpTo is the first hour that begins at or after to.
func hoursUpTo(to time.Time) int64 {
	h := int64(hourOf(to))
	if to.After(time.Unix(h*3600, 0)) {
		h++
	}
	return h
}

// hour is a key of the hours bucket.
type hour struct {
	camera uint32
	hour   int32
}

// tally is its value: what one camera has with a start in one hour.
type tally struct{ clips, bytes int64 }

func (t *tally) append(b []byte) []byte {
	return binary.AppendVarint(binary.AppendVarint(b, t.clips), t.bytes)
}

func decodeTally(key, value []byte) (t tally, err error) {
	payload, err := unseal(bucketHours, key, value)
	if err != nil {
		return t, err
	}
	d := decoder{b: payload}
	t.clips, t.bytes = d.varint(), d.varint()
	return t, d.end()
}

func readHour(tx *bolt.Tx, h hour) (tally, error) {
	key := appendHourKey(nil, h.camera, h.hour)
	value := tx.Bucket(bucketHours).Get(key)
	if value == nil {
		return tally{}, nil
	}
	return decodeTally(key, value)
}

// line is one camera's hours, from some hour on.
type line struct {
	camera string
	number uint32
	cursor *bolt.Cursor
	hour   int64 // math.MaxInt64 at its end
	value  []byte
	key    []byte
}

func newLines(tx *bolt.Tx, camera string, from int32) ([]*line, error) {
	rows, err := readCameras(tx, camera)
	if err != nil {
		return nil, err
	}
	lines := make([]*line, 0, len(rows))
	for _, r := range rows {
		l := &line{camera: r.name, number: r.number, cursor: tx.Bucket(bucketHours).Cursor()}
		l.stand(l.cursor.Seek(appendHourKey(nil, r.number, from)))
		lines = append(lines, l)
	}
	return lines, nil
}

func (l *line) stand(k, v []byte) {
	l.hour = math.MaxInt64
	if len(k) == hourKey && bytes.HasPrefix(k, binary.BigEndian.AppendUint32(nil, l.number)) {
		l.hour, l.key, l.value = int64(hourIn(k)), k, v
	}
}

// window walks hours in steps.
type window struct{ from, end, step int64 }

// sum merges the lines: it jumps from step to step that has anything, and stops at the last span allowed.
func (w *window) sum(lines []*line) (spans []Span, err error) {
	for {
		next := int64(math.MaxInt64)
		for _, l := range lines {
			next = min(next, l.hour)
		}
		if next >= w.end {
			return spans, nil
		}
		start := w.from + (next-w.from)/w.step*w.step
		for _, l := range lines {
			t, err := l.sumTo(min(start+w.step, w.end))
			if err != nil {
				return nil, err
			}
			if t.clips == 0 {
				continue
			}
			if len(spans) == maxSpans {
				return spans, nil
			}
			spans = append(spans, Span{l.camera, time.Unix(start*3600, 0).UTC(), int(t.clips), t.bytes})
		}
	}
}

// sumTo sums and passes the line's hours before end.
func (l *line) sumTo(end int64) (sum tally, err error) {
	for l.hour < end {
		t, err := decodeTally(l.key, l.value)
		if err != nil {
			return tally{}, err
		}
		sum.clips += t.clips
		sum.bytes += t.bytes
		l.stand(l.cursor.Next())
	}
	return sum, nil
}
