package root

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFirstStartMakesFolderAndMarker(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "recordings")
	r, ids, log := newRoot(t, dir)
	changed := r.Changed()
	s := r.Look(t.Context())
	if s != (State{Present: true, Writable: true}) {
		t.Fatalf("Look = %+v", s)
	}
	if got := marker(t, dir); got != ids.id+"\n" || len(ids.id) != 32 {
		t.Errorf("marker %q, catalogue %q", got, ids.id)
	}
	if got := names(t, dir); got != Marker {
		t.Errorf("folder holds %q", got)
	}
	select {
	case <-changed:
	default:
		t.Error("Changed is still open")
	}
	r.Look(t.Context())
	if log.lines() != 1 {
		t.Errorf("%d lines were logged for one change", log.lines())
	}
}

func TestRebuiltCatalogueTakesTheMarkerThatIsThere(t *testing.T) {
	dir := t.TempDir()
	first, ids, _ := newRoot(t, dir)
	first.Look(t.Context())
	second, again, _ := newRoot(t, dir)
	if s := second.Look(t.Context()); !s.Present || again.id != ids.id {
		t.Errorf("Look = %+v with id %q, want %q", s, again.id, ids.id)
	}
}

func TestMissingFolderIsNotMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	r, _, _ := newRoot(t, dir)
	r.Look(t.Context())
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s := r.Look(t.Context())
	mustSay(t, s, "is not there", dir)
	if _, err := os.Stat(dir); s.Present || err == nil {
		t.Errorf("Look = %+v, stat %v", s, err)
	}
}

func TestNothingIsWrittenIntoAStranger(t *testing.T) {
	tests := []struct{ name, marker, found string }{
		{"missing", "", ""},
		{"foreign", strings.Repeat("ab", 16) + "\n", strings.Repeat("ab", 16)},
		{"unreadable", "no id\n", ""},
		{"too long", strings.Repeat("ab", 17) + "\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, ids, _ := newRoot(t, t.TempDir())
			ids.id = strings.Repeat("cd", 16)
			put(t, r, "a.mp4", "x")
			if tt.marker != "" {
				put(t, r, Marker, tt.marker)
			}
			before := names(t, r.Dir())
			s := r.Look(t.Context())
			mustSay(t, s, "clipctl adopt", "/api/v1/root/adopt", tt.found)
			if s.Present || s.Writable || s.Found != tt.found {
				t.Errorf("Look = %+v", s)
			}
			refusesEverything(t, r, "a.mp4")
			if got := names(t, r.Dir()); got != before || marker(t, r.Dir()) != tt.marker {
				t.Errorf("folder holds %q, before %q", got, before)
			}
			adoptAndOpen(t, r, ids, tt.found)
		})
	}
}

func adoptAndOpen(t *testing.T, r *Root, ids *memory, found string) {
	t.Helper()
	if err := r.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := r.State(); s != (State{Present: true, Writable: true}) {
		t.Errorf("after Adopt: %+v", s)
	}
	if found != "" && ids.id != found {
		t.Errorf("catalogue says %q, want the marker that was found, %q", ids.id, found)
	}
	if marker(t, r.Dir()) != ids.id+"\n" {
		t.Errorf("marker %q, catalogue %q", marker(t, r.Dir()), ids.id)
	}
	if _, err := r.Stat("a.mp4"); err != nil {
		t.Error(err)
	}
}

func refusesEverything(t *testing.T, r *Root, path string) {
	t.Helper()
	_, _, open := r.Open(path)
	_, stat := r.Stat(path)
	_, list := r.ReadDir("")
	_, _, free := r.Free()
	for what, err := range map[string]error{"Open": open, "Stat": stat, "ReadDir": list, "Free": free, "Remove": r.Remove(path)} {
		if !errors.Is(err, ErrAway) {
			t.Errorf("%s: %v, want ErrAway", what, err)
		}
	}
}

// The folder is swapped between two looks: a call must notice by itself.
func TestSwappedFolderIsNotTouched(t *testing.T) {
	r := ready(t)
	put(t, r, "a.mp4", "x")
	if err := os.Remove(filepath.Join(r.Dir(), Marker)); err != nil {
		t.Fatal(err)
	}
	refusesEverything(t, r, "a.mp4")
	refusesEverything(t, r, "absent.mp4")
	select {
	case <-r.doubt:
	default:
		t.Error("nothing asks for another look")
	}
	if names(t, r.Dir()) != "a.mp4" {
		t.Errorf("folder holds %q", names(t, r.Dir()))
	}
}

func TestNotAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	if err := os.WriteFile(dir, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r, ids, _ := newRoot(t, dir)
	mustSay(t, r.Look(t.Context()), "not a directory")
	ids.id = strings.Repeat("cd", 16)
	mustSay(t, r.Look(t.Context()), "is not a folder")
	if err := r.Adopt(t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("Adopt: %v", err)
	}
}

func TestMarkerThatIsALinkIsNotFollowed(t *testing.T) {
	r, _, _ := newRoot(t, t.TempDir())
	if err := os.Symlink("/etc/hostname", filepath.Join(r.Dir(), Marker)); err != nil {
		t.Fatal(err)
	}
	if s := r.Look(t.Context()); s.Present || s.Problem == "" {
		t.Errorf("Look = %+v", s)
	}
}

func TestCatalogueThatCannotNoteTheMarker(t *testing.T) {
	r, ids, _ := newRoot(t, t.TempDir())
	ids.err = errors.New("no space")
	mustSay(t, r.Look(t.Context()), "no space")
	ids.err = nil
	if s := r.Look(t.Context()); !s.Present || marker(t, r.Dir()) != ids.id+"\n" {
		t.Errorf("Look = %+v, marker %q, catalogue %q", s, marker(t, r.Dir()), ids.id)
	}
}
