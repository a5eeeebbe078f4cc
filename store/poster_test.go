package store

import (
	"errors"
	"testing"
)

// TestMadePoster: a poster that was made is told until it is gone, gives way to a sidecar, and survives a scan that finds
// none.
func TestMadePoster(t *testing.T) {
	s, _ := open(t, t.TempDir())
	c := clip("front", 1)
	apply(t, s, Add(c, Live))
	for _, step := range []struct {
		does string
		op   Op
		want string
	}{
		{"noting that none is there", HavePoster(c.ID, false), ""},
		{"making one", HavePoster(c.ID, true), MadePoster},
		{"a scan without sidecars", Attach(c.ID, nil, ""), MadePoster},
		{"a scan with another sidecar", Attach(c.ID, []string{"a.srt"}, ""), MadePoster},
		{"losing it", HavePoster(c.ID, false), ""},
		{"making it again", HavePoster(c.ID, true), MadePoster},
		{"a sidecar picture", Attach(c.ID, []string{"a.jpg"}, "a.jpg"), "a.jpg"},
		{"making one beside it", HavePoster(c.ID, true), "a.jpg"},
		{"losing the one beside it", HavePoster(c.ID, false), "a.jpg"},
		{"the sidecar goes", Attach(c.ID, nil, ""), ""},
	} {
		apply(t, s, step.op)
		got, _, err := s.Clip(c.ID)
		if err != nil || got.Poster != step.want {
			t.Errorf("after %s it is %q, want %q: %v", step.does, got.Poster, step.want, err)
		}
		if latest, err := s.LatestPoster(); (err == nil) != (step.want != "") || err == nil && latest.ID != c.ID {
			t.Errorf("after %s the newest poster is of %v: %v", step.does, latest.ID, err)
		}
	}
	if err := s.Apply(t.Context(), HavePoster(clip("front", 2).ID, true)); !errors.Is(err, ErrNotFound) {
		t.Errorf("the poster of no clip: %v", err)
	}
	sound(t, s)
}
