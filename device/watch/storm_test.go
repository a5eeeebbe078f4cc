package watch

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// lockSysctl keeps two test processes from restoring each other's value.
func lockSysctl(t *testing.T) (unlock func()) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "clipd-watch-test.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	must(t, err)
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	return func() { f.Close() }
}

// Ten thousand times `mkdir -p` and five files at once: each file is told, without a Reconcile to help.
func TestNoFileOfANewFolderIsLost(t *testing.T) {
	dir := inMemory(t)
	r := startWith(t, withQueue(t, dir, 1<<20))
	folders := 10_000
	if testing.Short() {
		folders = 1000
	}
	go func() {
		for i := range folders {
			makeFolder(t, filepath.Join(dir, fmt.Sprintf("cam%d/day%d/%05d", i%7, i%50, i)))
		}
		write(t, filepath.Join(dir, "last"), "")
	}()
	told := map[string]bool{}
	for e := range r.Events() {
		if e.Op != Closed {
			t.Fatalf("told %+v", e)
		}
		told[e.Path] = true
		if e.Path == "last" {
			break
		}
	}
	want := find(dir)
	if len(want) != folders*5+1 {
		t.Fatalf("find found %d files", len(want))
	}
	for path := range want {
		if !told[path] {
			t.Fatal(difference(told, want))
		}
	}
}

func makeFolder(t *testing.T, path string) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Error(err)
	}
	for i := range 5 {
		if err := os.WriteFile(fmt.Sprintf("%s/%d.mp4", path, i), []byte("x"), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// A queue of 16 overflows all the time. What is lost comes back by Reconcile, new folders included.
func TestOverflowIsReconciled(t *testing.T) {
	dir := inMemory(t)
	r := startWith(t, withQueue(t, dir, 16))
	for i := range 300 { // more than Events holds
		makeFolder(t, filepath.Join(dir, fmt.Sprintf("day%d/%05d", i%5, i)))
	}
	c := newCatalogue(dir)
	c.settle(r)
	if c.reconciled == 0 {
		t.Error("no Reconcile was told")
	}
	// All folders are watched again, those made while nothing was heard too.
	for i := range 300 {
		path := fmt.Sprintf("day%d/%05d/later.mp4", i%5, i)
		write(t, filepath.Join(dir, path), "x")
		r.until(func(e Event) bool { return e == Event{Op: Closed, Path: path} })
	}
}

// A reader that stops for a while loses events, and is told so.
func TestSlowReaderIsToldToReconcile(t *testing.T) {
	dir := inMemory(t)
	r := startWith(t, withQueue(t, dir, 512))
	for i := range 3000 {
		write(t, fmt.Sprintf("%s/%d.mp4", dir, i), "x")
	}
	c := newCatalogue(dir)
	c.settle(r)
	if c.reconciled == 0 {
		t.Error("no Reconcile was told")
	}
}

// Many at once make, rename, move and delete files and folders at random.
func TestRenameStorms(t *testing.T) {
	for _, queue := range []int{16, 1 << 20} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("queue=%d/seed=%d", queue, seed), func(t *testing.T) {
				top := inMemory(t)
				in, out := filepath.Join(top, "in"), filepath.Join(top, "out")
				must(t, os.Mkdir(in, 0o755))
				must(t, os.Mkdir(out, 0o755))
				r := startWith(t, withQueue(t, in, queue))
				c := newCatalogue(in)
				var wg sync.WaitGroup
				for i := range uint64(3) {
					wg.Go(func() { storm(rand.New(rand.NewPCG(seed, i)), in, out, 500) })
				}
				c.applyWhile(r, &wg)
				c.settle(r)
				c.stillHears(r)
				t.Logf("%d files, %d times Reconcile", len(c.files), c.reconciled)
			})
		}
	}
}

// applyWhile reads until wg is done.
func (c *catalogue) applyWhile(r *running, wg *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for {
		select {
		case e := <-r.Events():
			c.apply(e)
		case <-done:
			return
		}
	}
}

// stillHears fails if a folder is not watched, or under a wrong name.
func (c *catalogue) stillHears(r *running) {
	r.t.Helper()
	var dirs []string
	_ = filepath.WalkDir(c.dir, func(path string, e os.DirEntry, err error) error {
		switch {
		case err != nil || !e.IsDir():
			return err
		case path != c.dir && Ignored(e.Name()):
			return filepath.SkipDir
		}
		dirs = append(dirs, path)
		return nil
	})
	for i, dir := range dirs {
		rel, _ := filepath.Rel(c.dir, filepath.Join(dir, fmt.Sprintf("heard-%d", i)))
		for heard := false; !heard; {
			write(r.t, filepath.Join(c.dir, rel), "x")
			last := func(e Event) bool { return e == Event{Op: Closed, Path: rel} || e.Op == Reconcile }
			seen := r.until(last)
			heard = seen[len(seen)-1].Op == Closed
		}
	}
}

// storm does n random things; that many of them fail is its nature.
func storm(rnd *rand.Rand, in, out string, n int) {
	folder := func() string { return []string{"a", "b", "a/c", "b/d", "a/c/e", "a.tmp"}[rnd.IntN(6)] }
	file := func() string {
		return filepath.Join(folder(), []string{"1.mp4", "2.mp4", "3.mp4", "4.part"}[rnd.IntN(4)])
	}
	at := func(path string) string { return filepath.Join(in, path) }
	for range n {
		switch rnd.IntN(12) {
		case 0, 1, 2, 3:
			_ = os.WriteFile(at(file()), []byte("x"), 0o644)
		case 4:
			_ = os.Rename(at(file()), at(file()))
		case 5:
			_ = os.Rename(at(file()), filepath.Join(out, fmt.Sprintf("%d.mp4", rnd.IntN(4))))
		case 6:
			_ = os.Rename(filepath.Join(out, fmt.Sprintf("%d.mp4", rnd.IntN(4))), at(file()))
		case 7:
			_ = os.Remove(at(file()))
		case 8:
			_ = os.MkdirAll(at(folder()), 0o755)
		case 9:
			_ = os.Rename(at(folder()), at(folder()))
		case 10:
			stormFolderOut(rnd, at(folder()), out)
		case 11:
			_ = unix.Renameat2(unix.AT_FDCWD, at(folder()), unix.AT_FDCWD, at(folder()), unix.RENAME_EXCHANGE)
		}
	}
}

func stormFolderOut(rnd *rand.Rand, folder, out string) {
	outside := filepath.Join(out, fmt.Sprintf("d%d", rnd.IntN(2)))
	if rnd.IntN(2) == 0 {
		folder, outside = outside, folder
	}
	_ = os.Rename(folder, outside)
}
