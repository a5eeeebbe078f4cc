package watch

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// catalogue is the least a reader must do with events to know what is in the tree. It looks at the disk only where an
// event points.
type catalogue struct {
	dir        string
	files      map[string]bool
	reconciled int
}

func newCatalogue(dir string) *catalogue { return &catalogue{dir: dir, files: map[string]bool{}} }

func (c *catalogue) apply(e Event) {
	switch e.Op {
	case Closed, Retimed, Gone:
		c.look(e.Path)
	case Moved:
		c.look(e.From)
		c.look(e.Path)
	case FolderMoved:
		c.lookBeneath(e.From)
	case FolderGone:
		c.lookBeneath(e.Path)
	case Reconcile:
		c.files = find(c.dir)
		c.reconciled++
	}
}

func (c *catalogue) look(path string) {
	info, err := os.Lstat(filepath.Join(c.dir, path))
	if err == nil && info.Mode().IsRegular() {
		c.files[path] = true
		return
	}
	delete(c.files, path)
}

func (c *catalogue) lookBeneath(path string) {
	for file := range c.files {
		if strings.HasPrefix(file, path+"/") {
			c.look(file)
		}
	}
}

// find is what find(1) finds, without ignored names.
func find(dir string) map[string]bool {
	files := map[string]bool{}
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // gone since
		case path != dir && Ignored(e.Name()) && e.IsDir():
			return fs.SkipDir
		case e.Type().IsRegular() && !Ignored(e.Name()):
			rel, _ := filepath.Rel(dir, path)
			files[rel] = true
		}
		return nil
	})
	return files
}

// settle reads on until c is what find finds. Each round ends with a file that is told last; if the kernel lost its event, a
// Reconcile comes instead.
func (c *catalogue) settle(r *running) {
	r.t.Helper()
	late := time.Now().Add(patience)
	for round := 0; ; round++ {
		name := fmt.Sprintf("round-%d", round)
		write(r.t, filepath.Join(c.dir, name), "")
		for done := false; !done; {
			e := r.next()
			c.apply(e)
			done = e.Path == name || e.Op == Reconcile
		}
		want := find(c.dir)
		if maps.Equal(c.files, want) {
			return
		}
		if time.Now().After(late) {
			r.t.Fatal(difference(c.files, want))
		}
	}
}

func difference(got, want map[string]bool) string {
	var lines []string
	for path := range want {
		if !got[path] {
			lines = append(lines, "missed "+path)
		}
	}
	for path := range got {
		if !want[path] {
			lines = append(lines, "invented "+path)
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d of %d files wrong:\n%s", len(lines), len(want), strings.Join(lines[:min(len(lines), 20)], "\n"))
}

// withQueue makes the kernel's queue of the next Watcher as long as n, or says why it cannot.
func withQueue(t *testing.T, dir string, n int) *Watcher {
	t.Helper()
	const sysctl = "/proc/sys/fs/inotify/max_queued_events"
	unlock := lockSysctl(t)
	defer unlock()
	old, err := os.ReadFile(sysctl)
	must(t, err)
	if err := os.WriteFile(sysctl, fmt.Append(nil, n), 0); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("set the length of the queue: %v", err)
		}
		t.Skipf("needs root to set the length of the queue: %v", err)
	}
	defer os.WriteFile(sysctl, old, 0)
	w, err := New(dir, quiet)
	must(t, err)
	return w
}
