package store

import (
	"reflect"
	"testing"
)

// FuzzRow: no payload makes the decoder panic, and what it accepts is what it would write.
func FuzzRow(f *testing.F) {
	c := clip("front", 1)
	c.Sidecars, c.Poster = []string{"a.jpg", "b.srt"}, "a.jpg"
	whole := appendRow(nil, &row{Clip: c, stage: StageListed})
	for n := range whole {
		f.Add(whole[:n])
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := decodeRow(ID{1}, payload)
		if err != nil {
			return
		}
		again, err := decodeRow(ID{1}, appendRow(nil, &r))
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Fatalf("%+v\n%+v %v", r, again, err)
		}
	})
}

// FuzzEvent is FuzzRow for journal rows.
func FuzzEvent(f *testing.F) {
	whole := appendEvent(nil, &Event{Type: ClipAdded, Time: epoch, Origin: Live, Clip: clip("front", 1), Reason: "r", Count: 2})
	for n := range whole {
		f.Add(whole[:n])
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, payload []byte) {
		d := decoder{b: payload}
		e := d.event()
		if d.end() != nil {
			return
		}
		d = decoder{b: appendEvent(nil, &e)}
		if again := d.event(); d.end() != nil && !e.Clip.ID.IsZero() || e.Reason != again.Reason || e.Type != again.Type {
			t.Fatalf("%+v\n%+v", e, again)
		}
	})
}

// FuzzPageCursor: no cursor but a page's own is accepted.
func FuzzPageCursor(f *testing.F) {
	q := Query{Camera: "front"}
	p := spotOf(ptr(clip("front", 1)))
	f.Add(q.cursorAt(p[:]))
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		q.Cursor = cursor
		p, err := q.spot()
		if err == nil && q.cursorAt(p[:]) != cursor {
			t.Fatalf("%q is accepted for %q", cursor, q.cursorAt(p[:]))
		}
	})
}
