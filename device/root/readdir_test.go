package root

import (
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// walk descends in the order of ReadDir.
func walk(t *testing.T, r *Root, dir string, found *[]string) {
	entries, err := r.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			walk(t, r, path, found)
		} else {
			*found = append(*found, path)
		}
	}
}

func TestWalkIsInByteOrderOfPaths(t *testing.T) {
	r := ready(t)
	for _, path := range []string{"a/x", "a!", "a.mp4", "a0", "b/c/d", "b/c!", "b/c.d/e", "b-c", "\xff/x", "\xfe"} {
		put(t, r, path, "")
	}
	var found []string
	walk(t, r, "", &found)
	if !slices.IsSorted(found) || len(found) != 11 {
		t.Errorf("walk met %q", found)
	}
}

// entry is a name in a folder that need not exist.
type entry struct {
	fs.DirEntry
	name string
	dir  bool
}

func (e entry) Name() string { return e.name }
func (e entry) IsDir() bool  { return e.dir }

func TestByPathIsTheOrderOfNamesWithSlashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) (entry, string) {
			e := entry{name: rapid.StringMatching(`[ab!.0\x{10ffff}-]{1,4}`).Draw(t, label), dir: rapid.Bool().Draw(t, label+" is a folder")}
			if e.dir {
				return e, e.name + "/"
			}
			return e, e.name
		}
		a, at := draw("a")
		b, bt := draw("b")
		if got := byPath(a, b); (got < 0) != (at < bt) || (got > 0) != (at > bt) {
			t.Fatalf("byPath(%q, %q) = %d", at, bt, got)
		}
	})
}
