package store

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func openLimited(t *testing.T, limit journalLimit) *Store {
	t.Helper()
	s, _, err := Open(t.Context(), Options{Dir: t.TempDir(), maxSize: 64 << 20, journal: limit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestJournalIsCut: it stays within its rows and bytes, and a reader behind its start is told.
func TestJournalIsCut(t *testing.T) {
	for name, limit := range map[string]journalLimit{"rows": {1000, 1 << 40}, "bytes": {1 << 40, 64 << 10}} {
		t.Run(name, func(t *testing.T) {
			s := openLimited(t, limit)
			note := Note(Event{Type: StorageProblem, Reason: strings.Repeat("x", 100)})
			for range 40 {
				ops := make([]Op, 100)
				for i := range ops {
					ops[i] = note
				}
				apply(t, s, ops...)
			}
			first, last := s.Journal()
			if first < 1000 || last != 4000 {
				t.Fatal(first, last)
			}
			events, gap, err := s.Events(0, 10_000)
			if err != nil || !gap || events[0].Seq != first || int64(len(events)) > limit.rows || events[len(events)-1].Seq != last {
				t.Fatal(len(events), gap, err)
			}
			if _, gap, err := s.Events(first-1, 1); gap || err != nil {
				t.Fatal("a gap before the first row that is there", err)
			}
			if _, gap, err := s.Events(first-2, 1); !gap || err != nil {
				t.Fatal("no gap", err)
			}
			sound(t, s)
		})
	}
}

func TestEventsForeign(t *testing.T) {
	s, _ := open(t, t.TempDir())
	if events, gap, err := s.Events(0, 10); len(events) != 0 || gap || err != nil {
		t.Fatal(events, gap, err)
	}
	apply(t, s, Note(Event{Type: StorageOK}))
	events, gap, err := s.Events(77, 10)
	if err != nil || !gap || len(events) != 1 {
		t.Fatal(events, gap, err)
	}
	if events, gap, err := s.Events(1, 10); len(events) != 0 || gap || err != nil {
		t.Fatal(events, gap, err)
	}
}

// TestUncleanSeq: what an unclean stop leaves out is no gap, since no row was ever there.
func TestUncleanSeq(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	apply(t, s, Note(Event{Type: StorageProblem}))
	abort(s)
	s, opened := open(t, dir)
	if !opened.Unclean || opened.Created {
		t.Fatalf("%+v", opened)
	}
	if _, last := s.Journal(); last != 1 {
		t.Fatal(last)
	}
	apply(t, s, Note(Event{Type: StorageOK}), Note(Event{Type: StorageProblem}))
	events, gap, err := s.Events(1, 10)
	if err != nil || gap || len(events) != 2 || events[0].Seq != 1+uncleanJump+1 || events[1].Seq != events[0].Seq+1 {
		t.Fatal(events, gap, err)
	}
	s.Close()
	s, _ = open(t, dir)
	apply(t, s, Note(Event{Type: StorageOK}))
	if _, last := s.Journal(); last != events[1].Seq+1 {
		t.Fatal("seq jumped after a clean stop:", last)
	}
}

func TestNext(t *testing.T) {
	s, _ := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.Next(ctx, 0) {
		t.Fatal("an empty journal has a row")
	}
	found := make(chan bool)
	go func() { found <- s.Next(t.Context(), 0) }()
	apply(t, s, SetCursor("a", 1)) // a commit without a row
	changed := s.Changed()
	apply(t, s, Note(Event{Type: StorageOK}))
	<-changed
	if !<-found {
		t.Fatal("Next ended without a row")
	}
	go func() { found <- s.Next(t.Context(), 1) }()
	s.Close()
	if <-found {
		t.Fatal("a closed journal has another row")
	}
}

// TestWaitEnds: Wait has nothing to say when its context ends.
func TestWaitEnds(t *testing.T) {
	s, _ := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), Forget(clip("front", 1).ID, "")); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
}
