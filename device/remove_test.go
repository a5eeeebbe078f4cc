package device

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"clipd/device/root"
	"clipd/store"
)

// recorded is a catalogue and a root with one clip in both, and its sidecar.
func recorded(t *testing.T) (remover, store.Clip) {
	t.Helper()
	dir := t.TempDir()
	s, _, err := store.Open(t.Context(), store.Options{Dir: filepath.Join(dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r := root.New(filepath.Join(dir, "recordings"), s, slog.New(slog.DiscardHandler))
	r.Look(t.Context())
	for _, name := range []string{"a.mp4", "a.jpg", "b.mp4"} {
		if err := os.WriteFile(filepath.Join(r.Dir(), name), []byte("footage"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fi, err := r.Stat("a.mp4")
	if err != nil {
		t.Fatal(err)
	}
	c := store.Clip{
		ID: store.MakeID("a.mp4", fi.Size(), fi.ModTime()), Path: "a.mp4", Camera: "default", Size: fi.Size(), Mtime: fi.ModTime(),
		Start: time.Unix(1, 0), MediaType: "video/mp4", Sidecars: []string{"a.jpg"},
	}
	if err := s.Apply(t.Context(), store.Add(c, store.Live)); err != nil {
		t.Fatal(err)
	}
	return remover{r, s}, c
}

func (r remover) has(t *testing.T, name string) bool {
	t.Helper()
	_, err := r.root.Stat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// A removal that a crash interrupted after its mark, or after the unlink, is finished at the next start (invariant 4).
func TestInterruptedRemovalIsFinished(t *testing.T) {
	for name, crash := range map[string]func(r remover) error{
		"after the mark":    func(remover) error { return nil },
		"after the sidecar": func(r remover) error { return r.root.Remove("a.jpg") },
		"after the unlink":  func(r remover) error { return errors.Join(r.root.Remove("a.jpg"), r.root.Remove("a.mp4")) },
	} {
		t.Run(name, func(t *testing.T) {
			r, c := recorded(t)
			if err := errors.Join(r.store.Apply(t.Context(), store.Mark(c.ID, "asked")), crash(r)); err != nil {
				t.Fatal(err)
			}
			if err := r.resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			if r.has(t, "a.mp4") || r.has(t, "a.jpg") || !r.has(t, "b.mp4") {
				t.Error("the wrong files are left")
			}
			marked, err := r.store.Marked()
			events, _, err2 := r.store.Events(0, 10)
			if err := errors.Join(err, err2); err != nil || len(marked) != 0 {
				t.Errorf("still marked: %v, %v", marked, err)
			}
			if last := events[len(events)-1]; last.Type != store.ClipRemoved || last.Clip.ID != c.ID {
				t.Errorf("the last event is %+v", last)
			}
		})
	}
}

// What a recorder has put in the clip's place meanwhile is not ours to delete.
func TestRemovalSparesAnotherFileInItsPlace(t *testing.T) {
	r, c := recorded(t)
	if err := os.WriteFile(filepath.Join(r.root.Dir(), "a.mp4"), []byte("another recording"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.remove(t.Context(), c.ID, "asked"); err != nil {
		t.Fatal(err)
	}
	if !r.has(t, "a.mp4") || !r.has(t, "a.jpg") {
		t.Error("the new recording or its picture was deleted")
	}
	if _, _, err := r.store.Clip(c.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the old clip: %v", err)
	}
}
