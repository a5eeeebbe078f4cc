package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stopped is a box with clips front/0.mp4 to front/4.mp4, one of them pinned, that was stopped in order.
func stopped(t *testing.T) *box {
	t.Helper()
	b := startBox(t, "-broker", "none")
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	for i := range 5 {
		copyFile(t, sample, b.recordings("front", fmt.Sprintf("%d.mp4", i)))
	}
	b.waitClips(5)
	b.do(t.Context(), "PUT", "/api/v1/clips/"+b.paths()["front/3.mp4"]+"/pin").Body.Close()
	must(t, b.stop())
	return b
}

// folder is every file below dir and what is in it.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	}))
	return files
}

func (b *box) state(name string) string { return filepath.Join(b.dir, "state", name) }

// spoil writes over what is at offset from the middle of a file, and leaves its size and times as they were.
func spoil(t *testing.T, path string) {
	t.Helper()
	fi, err := os.Stat(path)
	must(t, err)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("spoilt"), fi.Size()/2)
	must(t, err)
	must(t, f.Close())
	must(t, os.Chtimes(path, fi.ModTime(), fi.ModTime()))
}

// Each kind of difference is found at the depth that can see it and not before, nothing is changed by looking, and what
// can be mended is mended.
func TestCheckFindsAndRepairMends(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, b *box)
		depth string // the first that finds it; "" none
		says  string
		mends string
	}{
		{"in order", func(*testing.T, *box) {}, "", "5 clips", "nothing to mend"},
		{"file gone", func(t *testing.T, b *box) { must(t, os.Remove(b.recordings("front", "1.mp4"))) }, "stat", "is gone", "clip_removed"},
		{"file touched", func(t *testing.T, b *box) {
			must(t, os.Chtimes(b.recordings("front", "1.mp4"), time.Time{}, time.Unix(1e9, 0)))
		}, "stat", "has changed", "clip_added"},
		{"bytes rotten", func(t *testing.T, b *box) { spoil(t, b.recordings("front", "1.mp4")) }, "hash", "not those that were hashed", "clip_added"},
		{"pins damaged", func(t *testing.T, b *box) { must(t, os.WriteFile(b.state("pins"), []byte("#\n"), 0o600)) }, "rows", "pins", "written anew"},
		{"catalogue overwritten", func(t *testing.T, b *box) {
			must(t, os.WriteFile(b.state("catalogue.db"), []byte("this is none"), 0o600))
		}, "rows", "damaged", "catalogue.db.bad-1"},
		{"catalogue rotten", func(t *testing.T, b *box) { rot(t, b.state("catalogue.db")) }, "rows", "damaged", "catalogue.db.bad-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := stopped(t)
			tt.spoil(t, b)
			before := folder(t, b.dir)
			found := false
			for _, depth := range []string{"rows", "stat", "hash"} {
				found = found || depth == tt.depth
				out, code := clipd(t, "", "-dir", b.dir, "-check", "-depth", depth)
				if found != (code == 1) || (found || tt.depth == "") != strings.Contains(out, tt.says) {
					t.Errorf("-depth %s exits %d:\n%s", depth, code, out)
				}
			}
			if after := folder(t, b.dir); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("looking changed something: before %v, after %v", before, after)
			}
			recordings := folder(t, b.recordings())
			out, code := clipd(t, "", "-dir", b.dir, "-check", "-depth", "hash", "-repair")
			if code != 0 || !strings.Contains(out, tt.mends) {
				t.Errorf("-repair exits %d:\n%s", code, out)
			}
			if after := folder(t, b.recordings()); fmt.Sprint(after) != fmt.Sprint(recordings) {
				t.Errorf("repair changed a recording: before %v, after %v", recordings, after)
			}
			if out, code := clipd(t, "", "-dir", b.dir, "-check", "-depth", "hash"); code != 0 {
				t.Errorf("after the repair -check exits %d:\n%s", code, out)
			}
			b.start()
			if s := b.status(); len(s.Problems) != 0 {
				t.Errorf("after the repair: %v", s.Problems)
			}
			for _, c := range b.clips() {
				if c.Pinned != (c.Path == "front/3.mp4") {
					t.Errorf("after the repair %s is pinned: %v", c.Path, c.Pinned)
				}
			}
		})
	}
}

// rot turns one bit of each page of clip rows, which bbolt itself does not notice.
func rot(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	at := strings.Index(string(data), "front/2.mp4")
	if at < 0 {
		t.Fatal("no row to damage")
	}
	for ; at >= 0; at = next(data, at+1) {
		data[at] ^= 1
	}
	must(t, os.WriteFile(path, data, 0o600))
}

func next(data []byte, from int) int {
	i := strings.Index(string(data[from:]), "front/2.mp4")
	if i < 0 {
		return -1
	}
	return from + i
}

// A running box cannot be checked, and a copy of it can: an unclean one.
func TestCheckOfARunningBoxAndOfACopy(t *testing.T) {
	b := startBox(t, "-broker", "none")
	record(t, b.recordings("front", "one.mp4"))
	b.waitClips(1)
	out, code := clipd(t, "", "-dir", b.dir, "-check")
	if code != 1 || !strings.Contains(out, "in use by another process") {
		t.Errorf("exits %d:\n%s", code, out)
	}
	b.kill()
	dir := filepath.Join(t.TempDir(), "copy")
	must(t, os.CopyFS(dir, os.DirFS(b.dir)))
	for path := range folder(t, b.recordings()) {
		rel, err := filepath.Rel(b.dir, path)
		must(t, err)
		fi, err := os.Stat(path)
		must(t, err)
		must(t, os.Chtimes(filepath.Join(dir, rel), fi.ModTime(), fi.ModTime()))
	}
	out, code = clipd(t, "", "-dir", dir, "-check", "-depth", "hash")
	if code != 0 || !strings.Contains(out, "not stopped cleanly") || !strings.Contains(out, "1 clips") {
		t.Errorf("exits %d:\n%s", code, out)
	}
}
