package device

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clipd/device/retain"
	"clipd/store"
)

// long is well before now, so that no recorder is at work where a clip of then is.
var long = time.Now().Add(-48 * time.Hour).Truncate(time.Second)

// put writes files of footage beneath the root, the first of which is a clip and the others its sidecars.
func (r remover) put(t *testing.T, mtime time.Time, files ...string) retain.Doomed {
	t.Helper()
	for _, f := range files {
		name := filepath.Join(r.root.Dir(), f)
		err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte("footage"), 0o644), os.Chtimes(name, mtime, mtime))
		if err != nil {
			t.Fatal(err)
		}
	}
	c := store.Clip{
		ID: store.MakeID(files[0], 7, mtime), Path: files[0], Camera: "front", Size: 7, Mtime: mtime, Start: mtime, Sidecars: files[1:],
	}
	if err := r.store.Apply(t.Context(), store.Add(c, store.Live)); err != nil {
		t.Fatal(err)
	}
	return retain.Doomed{Clip: c, Reason: "older than 1d"}
}

// files are all files and folders beneath the root but its marker.
func (r remover) files(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(r.root.Dir(), func(path string, _ os.DirEntry, err error) error {
		name, _ := filepath.Rel(r.root.Dir(), path)
		if name != "." && name[0] != '.' {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Sidecars go with their clip and folders that become empty with them; the root, a camera's own folder, where somebody may
// still write, and everything else stay.
func TestExpiryTakesWhatBelongs(t *testing.T) {
	r, _ := recorded(t)
	gone := []retain.Doomed{
		r.put(t, long, "front/2026-11-20/07/a.mp4", "front/2026-11-20/07/a.jpg", "front/2026-11-20/07/a.mp4.json"),
		r.put(t, long, "front/2026-11-20/08/b.mp4"),
		r.put(t, long, "2026-11-19/c.mp4"),
		r.put(t, time.Now().Truncate(time.Second), "front/2026-11-21/09/d.mp4"),
		r.put(t, long, "yard/2026-11-20/e.mp4"),
		r.put(t, long, "porch/f.mp4", "porch/f.thumb"),
	}
	for _, f := range []string{"yard/2026-11-20/notes.odt", "yard/2026-11-20/eve.jpg"} {
		if err := os.WriteFile(filepath.Join(r.root.Dir(), f), []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	n, err := r.expire(t.Context(), gone)
	if n != len(gone) || err != nil {
		t.Fatalf("%d clips are gone, %v", n, err)
	}
	want := []string{
		"a.jpg", "a.mp4", "b.mp4", "front", "front/2026-11-21", "front/2026-11-21/09", "porch",
		"yard", "yard/2026-11-20", "yard/2026-11-20/eve.jpg", "yard/2026-11-20/notes.odt",
	}
	if got := r.files(t); !slices.Equal(got, want) {
		t.Errorf("left: %q\nwant: %q", got, want)
	}
	events, _, err := r.store.Events(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, e := range events {
		if e.Type == store.ClipRemoved && e.Reason == "older than 1d" {
			told++
		}
	}
	if marked, err := r.store.Marked(); told != len(gone) || len(marked) != 0 || err != nil {
		t.Errorf("%d clip_removed, %d still marked, %v", told, len(marked), err)
	}
}

// What a recorder has removed or written anew, and what was pinned meanwhile, is left to ingest.
func TestExpiryLeavesWhatChanged(t *testing.T) {
	r, _ := recorded(t)
	removed, rewritten, pinned, kept := r.put(t, long, "x/1.mp4"), r.put(t, long, "x/2.mp4", "x/2.jpg"), r.put(t, long, "x/3.mp4"), r.put(t, long, "x/4.mp4")
	err := errors.Join(
		os.Remove(filepath.Join(r.root.Dir(), "x/1.mp4")),
		os.WriteFile(filepath.Join(r.root.Dir(), "x/2.mp4"), []byte("another recording"), 0o644),
		r.store.Apply(t.Context(), store.Pin(pinned.ID, true)),
	)
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.expire(t.Context(), []retain.Doomed{removed, rewritten, pinned, kept})
	if n != 1 || err != nil {
		t.Errorf("%d clips are gone, %v", n, err)
	}
	if got, want := r.files(t), []string{"a.jpg", "a.mp4", "b.mp4", "x", "x/2.jpg", "x/2.mp4", "x/3.mp4"}; !slices.Equal(got, want) {
		t.Errorf("left: %q", got)
	}
	for _, c := range []retain.Doomed{removed, rewritten, pinned} {
		if _, _, err := r.store.Clip(c.ID); err != nil {
			t.Errorf("%s: %v", c.Path, err)
		}
	}
}

// immutable is FS_IMMUTABLE_FL, ioctl_iflags(2).
const immutable = 0x10

// A file that cannot be unlinked stays a clip.
func TestExpiryThatFails(t *testing.T) {
	r, _ := recorded(t)
	c := r.put(t, long, "x/1.mp4")
	f, err := os.Open(filepath.Join(r.root.Dir(), "x/1.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, immutable); err != nil {
		t.Skipf("no file can be made immutable here: %v", err)
	}
	defer unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0)
	n, err := r.expire(t.Context(), []retain.Doomed{c})
	if n != 0 || !errors.Is(err, unix.EPERM) {
		t.Errorf("%d clips are gone, %v", n, err)
	}
	if _, stage, err := r.store.Clip(c.ID); err != nil || stage != store.StageListed || !r.has(t, "x/1.mp4") {
		t.Errorf("the clip: stage %d, %v", stage, err)
	}
}

// A disk that is swapped between the choice and the deletion keeps everything, and so does the one that was there.
func TestDiskSwappedUnderAnExpiry(t *testing.T) {
	r, _ := recorded(t)
	c := r.put(t, long, "x/1.mp4")
	away := r.root.Dir() + "-away"
	err := errors.Join(os.Rename(r.root.Dir(), away), os.CopyFS(r.root.Dir(), os.DirFS(away)))
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(r.root.Dir(), ".clipd-root"), []byte("00112233445566778899aabbccddeeff\n"), 0o644),
			os.Chtimes(filepath.Join(r.root.Dir(), "x/1.mp4"), long, long))
	}
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.expire(t.Context(), []retain.Doomed{c}); n != 0 || err == nil {
		t.Errorf("%d clips are gone, %v", n, err)
	}
	for _, dir := range []string{away, r.root.Dir()} {
		if _, err := os.Stat(filepath.Join(dir, "x/1.mp4")); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := r.store.Clip(c.ID); err != nil {
		t.Errorf("the clip was forgotten: %v", err)
	}
}

// Partial files go only while nobody writes them.
func TestPartialsOfAWriterStay(t *testing.T) {
	r, _ := recorded(t)
	partial := func(name string) store.Partial {
		t.Helper()
		r.put(t, long, name)
		p := store.Partial{Path: name, Size: 7, Mtime: long, Reason: "no moov"}
		err := errors.Join(r.store.Apply(t.Context(), store.Forget(store.MakeID(name, 7, long), "")), r.store.Apply(t.Context(), store.SetPartial(p)))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	quiet, written, grown := partial("x/1.mp4"), partial("x/2.mp4"), partial("x/3.mp4")
	grown.Size--
	w, err := os.OpenFile(filepath.Join(r.root.Dir(), "x/2.mp4"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, tt := range []struct {
		p    store.Partial
		want bool
	}{{quiet, true}, {written, false}, {grown, false}} {
		if gone, err := r.expirePartial(t.Context(), tt.p); gone != tt.want || err != nil || r.has(t, tt.p.Path) == tt.want {
			t.Errorf("%s: gone %v, %v", tt.p.Path, gone, err)
		}
	}
	if _, err := r.store.Partial("x/1.mp4"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the partial that went is still known: %v", err)
	}
}
