package store

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

// TestBadCursor: only what a page of the same query ended with is a cursor.
func TestBadCursor(t *testing.T) {
	s, _ := open(t, t.TempDir())
	for n := range 5 {
		apply(t, s, Add(clip("front", n), Live))
	}
	page, err := s.List(Query{Limit: 2})
	if err != nil || page.Next == "" {
		t.Fatal(err)
	}
	if _, err := s.List(Query{Limit: 3, Cursor: page.Next}); err != nil {
		t.Fatal("the limit may change:", err)
	}
	edited := []byte(page.Next)
	edited[3] ^= 1
	for _, q := range []Query{
		{Cursor: "x"}, {Cursor: string(edited)}, {Cursor: page.Next + "A"}, {Cursor: strings.Repeat("\n", len(page.Next))},
		{Cursor: page.Next, Camera: "front"}, {Cursor: page.Next, Order: OldestFirst}, {Cursor: page.Next, Pinned: ptr(false)},
		{Cursor: page.Next, From: epoch},
	} {
		if _, err := s.List(q); !errors.Is(err, ErrBadCursor) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// TestTimes: starts before 1970 and after 2262 are kept, in order.
func TestTimes(t *testing.T) {
	s, _ := open(t, t.TempDir())
	starts := []time.Time{
		{}, time.Date(1901, 2, 3, 4, 5, 6, 7, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Unix(0, 0).UTC(),
		epoch, time.Date(2262, 4, 12, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	for n, start := range starts {
		c := clip("front", n)
		c.Start, c.Mtime = start, start
		apply(t, s, Add(c, Live))
	}
	page, err := s.List(Query{Order: OldestFirst})
	if err != nil || len(page.Clips) != len(starts) {
		t.Fatal(len(page.Clips), err)
	}
	for n, c := range page.Clips {
		if !c.Start.Equal(starts[n]) || !c.Mtime.Equal(starts[n]) {
			t.Errorf("clip %d starts at %v, not %v", n, c.Start, starts[n])
		}
	}
	page, err = s.List(Query{From: starts[1], To: starts[3]})
	if err != nil || len(page.Clips) != 2 {
		t.Fatal(len(page.Clips), err)
	}
	spans, err := s.Timeline("", time.Time{}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), 24*time.Hour)
	if err != nil || len(spans) != len(starts) {
		t.Fatal(spans, err)
	}
	sound(t, s)
}

func TestTimeline(t *testing.T) {
	s, _ := open(t, t.TempDir())
	for n := range 300 { // one a minute from 07:54
		apply(t, s, Add(clip([]string{"back", "front"}[n%2], n), Live))
	}
	from := time.Date(2026, 11, 22, 0, 30, 0, 0, time.UTC)
	spans, err := s.Timeline("", from, from.Add(12*time.Hour), 8*time.Hour)
	if err != nil || len(spans) != 4 {
		t.Fatal(spans, err)
	}
	// 00:00 to 08:00, and 08:00 to 12:30 taken up to the hour.
	want := []Span{
		{"back", from.Truncate(time.Hour), 3, 3006}, {"front", from.Truncate(time.Hour), 3, 3009},
		{"back", from.Truncate(time.Hour).Add(8 * time.Hour), 147, 0}, {"front", from.Truncate(time.Hour).Add(8 * time.Hour), 147, 0},
	}
	for i, sp := range spans {
		if sp.Camera != want[i].Camera || !sp.From.Equal(want[i].From) || sp.Clips != want[i].Clips || want[i].Bytes != 0 && sp.Bytes != want[i].Bytes {
			t.Errorf("%+v, not %+v", sp, want[i])
		}
	}
	for _, step := range []time.Duration{0, -time.Hour, 90 * time.Minute} {
		if _, err := s.Timeline("", from, from, step); !errors.Is(err, ErrBadStep) {
			t.Errorf("step %s: %v", step, err)
		}
	}
	if hourOf(time.Unix(math.MaxInt32*3600+7200, 0)) != math.MaxInt32 || hourOf(time.Unix(-1, 0)) != -1 {
		t.Error("hours out of range")
	}
}

// TestBadClips: what the catalogue could not hold is refused and harms nobody beside it.
func TestBadClips(t *testing.T) {
	s, _ := open(t, t.TempDir())
	good := clip("front", 1)
	for name, spoil := range map[string]func(c *Clip){
		"no id":     func(c *Clip) { c.ID = ID{} },
		"no path":   func(c *Clip) { c.Path = "" },
		"long path": func(c *Clip) { c.Path = strings.Repeat("p", maxPath+1) },
		"no camera": func(c *Clip) { c.Camera = "" },
		"sidecars":  func(c *Clip) { c.Sidecars = make([]string, maxRecord) },
		"other id":  func(c *Clip) { c.ID = good.ID },
	} {
		bad := clip("front", 2)
		spoil(&bad)
		if err := s.Apply(t.Context(), Add(good, Live), Add(bad, Live)); !errors.Is(err, ErrBadClip) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if page, err := s.List(Query{}); err != nil || len(page.Clips) != 1 {
		t.Fatal(len(page.Clips), err)
	}
	sound(t, s)
}
