package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// A clip that goes by a rule goes unless it is pinned, and is told with the reason that its mark has.
func TestExpire(t *testing.T) {
	s, _ := open(t, t.TempDir())
	defer s.Close()
	var ids []ID
	for i := range 3 {
		c := Clip{Path: fmt.Sprint(i), Camera: "front", Size: 1, Mtime: time.Unix(int64(i), 0), Start: time.Unix(int64(i), 0)}
		c.ID = MakeID(c.Path, c.Size, c.Mtime)
		ids = append(ids, c.ID)
		if err := s.Apply(t.Context(), Add(c, Live)); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Apply(t.Context(), Pin(ids[1], true), Ack("nas", ids[0], nil), Enqueue(Push{ID: ids[0], Target: "a"}), Enqueue(Push{ID: ids[0], Target: "b"}),
		PushDead(ids[0], "b", "refused"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Deliveries(ids)
	if err != nil || !slices.Equal(all[0].Acked, []string{"nas"}) || !slices.Equal(all[0].Waiting, []string{"a"}) || !slices.Equal(all[0].Dead, []string{"b"}) ||
		len(all) != 3 || all[1].Acked != nil || all[2].Waiting != nil {
		t.Errorf("deliveries: %+v, %v", all, err)
	}
	if err := s.Apply(t.Context(), Expire(ids[1], "old")); !errors.Is(err, ErrPinned) {
		t.Errorf("a pinned clip: %v", err)
	}
	if err := s.Apply(t.Context(), Expire(ids[2], "old")); err != nil {
		t.Error(err)
	}
	if err := s.Apply(t.Context(), Expire(MakeID("x", 1, time.Time{}), "old")); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown clip: %v", err)
	}
	var walked []ID
	seq, err := s.Walk(func(c Clip) { walked = append(walked, c.ID) })
	if _, last := s.Journal(); err != nil || seq != last || !slices.Equal(walked, ids[:2]) {
		t.Errorf("walked %v up to %d of %d, %v", walked, seq, last, err)
	}
	if err := s.Apply(t.Context(), Forget(ids[2], "")); err != nil {
		t.Fatal(err)
	}
	events, _, err := s.Events(seq, 10)
	if err != nil || len(events) != 1 || events[0].Type != ClipRemoved || events[0].Reason != "old" || events[0].Clip.ID != ids[2] {
		t.Errorf("told: %+v, %v", events, err)
	}
}
