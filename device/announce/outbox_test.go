package announce

import (
	"slices"
	"testing"
	"time"

	"clipd/store"
)

func TestOldClipsOfAScanBecomeOneGap(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	ch := subscribe(t, m.url(), "clipd/+/event")
	a := hurry(New(config(s, m.url())))
	a.limits.gapQuiet = patience
	start(t, a)
	old := time.Now().Add(-48 * time.Hour)
	for group := range slices.Chunk(slices.Collect(count(0, 10_000)), 500) {
		var ops []store.Op
		for _, i := range group {
			ops = append(ops, store.Add(clip("front", i, old), store.Scan))
		}
		apply(t, s, ops...)
	}
	apply(t, s, store.Add(clip("front", 20_000, time.Now()), store.Scan))
	gaps := 0
	for {
		e := event(t, next(t, ch, "/event"))
		if e.EventType == "clip_added" && e.Seq == 10_001 && gaps > 0 {
			break
		}
		if gaps++; e.EventType != "gap" || e.From != 1 || e.Seq != 10_000 || e.Count != 10_000 {
			t.Fatalf("announced %+v, want a gap of rows 1 to 10000 and then row 10001", e)
		}
	}
	eventually(t, s, "the cursor at the end", func() bool { return cursorOf(t, s) == 10_001 })
}

func TestAnOpenGapIsToldWhenNothingFollows(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	ch := subscribe(t, m.url(), "clipd/+/event")
	old := time.Now().Add(-48 * time.Hour)
	apply(t, s, store.Add(clip("front", 1, old), store.Scan), store.Add(clip("front", 2, old), store.Scan))
	start(t, hurry(New(config(s, m.url()))))
	if e := event(t, next(t, ch, "/event")); e.EventType != "gap" || e.From != 1 || e.Seq != 2 || e.Count != 2 {
		t.Errorf("announced %+v, want one gap of rows 1 and 2", e)
	}
	eventually(t, s, "the cursor behind the gap", func() bool { return cursorOf(t, s) == 2 })
}

func TestOldAndFutureClipsOfAScanAreStale(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	o := outbox{within: 24 * time.Hour}
	for _, c := range []struct {
		age    time.Duration
		origin store.Origin
		want   bool
	}{
		{time.Hour, store.Scan, false}, {25 * time.Hour, store.Scan, true}, {25 * time.Hour, store.Live, false},
		{-1000 * time.Hour, store.Scan, true}, // the clock was not set when it was found
	} {
		e := store.Event{Type: store.ClipAdded, Origin: c.origin, Time: now, Clip: store.Clip{Mtime: now.Add(-c.age)}}
		if got := o.stale(e); got != c.want {
			t.Errorf("%v clip, %v old: stale %v", c.origin, c.age, got)
		}
	}
	if o.stale(store.Event{Type: store.ClipRemoved, Origin: store.Scan, Time: now}) {
		t.Error("a removal is stale")
	}
}
