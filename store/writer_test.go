package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// TestGroupCommit: everybody who waits is in one transaction, and an op that fails half-way, or panics, undoes none of the
// others.
func TestGroupCommit(t *testing.T) {
	s, _ := open(t, t.TempDir())
	half := Op{what: "failing", run: func(x *change) error {
		if err := x.put(bucketCursors, []byte("half"), []byte("written")); err != nil {
			return err
		}
		return errors.New("half-way")
	}}
	panics := Op{what: "panicking", run: func(x *change) error { panic("page 7 is no page") }}
	tx, err := s.db.Begin(true) // the writer waits at its next transaction, and the others gather
	if err != nil {
		t.Fatal(err)
	}
	before := tx.ID()
	results := make(chan error)
	first, failing := clip("front", 0), clip("front", 9)
	go func() { results <- s.Apply(context.Background(), Add(first, Live)) }()
	ops := []Op{Add(clip("front", 1), Live), half, Add(clip("front", 2), Live), panics, Forget(failing.ID, ""), Add(clip("front", 3), Live)}
	group := make([]*request, len(ops))
	for i, op := range ops {
		group[i] = &request{tasks: []task{{op: op}}, done: make(chan error, 1)}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-results; err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { s.commit(group); close(done) }()
	<-done
	for i, want := range []string{"", "half-way", "", "page 7", ErrNotFound.Error(), ""} {
		err := <-group[i].done
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Fatalf("op %d: %v, not %q", i, err, want)
		}
	}
	for n := range 4 {
		if _, _, err := s.Clip(clip("front", n).ID); err != nil {
			t.Fatalf("clip %d: %v", n, err)
		}
	}
	if _, ok, err := s.Cursor("half"); ok || err != nil {
		t.Fatal("what a failed op wrote is there", err)
	}
	s.db.View(func(tx *bolt.Tx) error {
		if n := tx.ID() - before; n != 1 {
			t.Errorf("%d transactions after the first, not 1", n)
		}
		return nil
	})
}

// TestManyCallers: callers at once share commits.
func TestManyCallers(t *testing.T) {
	s, _ := open(t, t.TempDir())
	const callers = 200
	results := make(chan error)
	for n := range callers {
		go func() { results <- s.Apply(context.Background(), Add(clip("front", n), Live)) }()
	}
	for range callers {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	if totals, err := s.Totals(); err != nil || totals.Clips != callers {
		t.Fatal(totals, err)
	}
	s.db.View(func(tx *bolt.Tx) error {
		if tx.ID() > callers/2 {
			t.Errorf("%d commits for %d callers", tx.ID(), callers)
		}
		return nil
	})
	sound(t, s)
}

func TestApplyClosed(t *testing.T) {
	s, _ := open(t, t.TempDir())
	s.Close()
	if err := s.Apply(t.Context(), SetCursor("a", 1)); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if _, err := s.List(Query{}); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Trim()
}

// TestCommitFails: an error that is not about space ends the writer, and the next start verifies.
func TestCommitFails(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	apply(t, s, Add(clip("front", 1), Live))
	// A descriptor that cannot be written to, in place of the file's.
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := descriptorOf(t, catalogue(dir))
	kept, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(int(null.Fd()), fd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), Add(clip("front", 2), Live)); err == nil || errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	failure := s.Wait(t.Context())
	if failure == nil {
		t.Fatal("Wait knows of nothing")
	}
	if err := unix.Dup3(kept, fd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	unix.Close(kept)
	if err := s.Apply(t.Context(), Add(clip("front", 3), Live)); !errors.Is(err, failure) {
		t.Fatal(err)
	}
	s.Close()
	s, opened := open(t, dir)
	if !opened.Unclean || opened.Created {
		t.Fatalf("%+v", opened)
	}
	if _, _, err := s.Clip(clip("front", 1).ID); err != nil {
		t.Fatal(err)
	}
}

// descriptorOf finds the descriptor that this process has of path.
func descriptorOf(t *testing.T, path string) int {
	t.Helper()
	var want unix.Stat_t
	if err := unix.Stat(path, &want); err != nil {
		t.Fatal(err)
	}
	for fd := range 1024 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Ino == want.Ino && st.Dev == want.Dev {
			return fd
		}
	}
	t.Fatal("nobody has", path, "open")
	return -1
}

// TestDiskFull fills a small file system: adding says ErrFull, reading and removing go on, and when there is room again
// all is as before.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=12m"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("mounting a small tmpfs: %v", err)
		}
		t.Skipf("mounting a small tmpfs: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	s, _ := open(t, dir)
	defer s.Close()
	apply(t, s, Add(clip("front", 0), Live), Add(clip("front", 1), Live), Pin(clip("front", 1).ID, true))
	for n := 2; n < 60; n++ {
		apply(t, s, Add(clip("front", n), Live))
	}
	fillDisk(t, dir)
	added := addUntilFull(t, s)
	if _, err := s.List(Query{}); err != nil {
		t.Fatal(err)
	}
	for n := 2; n < 40; n++ {
		apply(t, s, Mark(clip("front", n).ID, "space"))
		apply(t, s, Forget(clip("front", n).ID, ""))
	}
	if _, err := os.Stat(filepath.Join(dir, ballastName)); err == nil {
		t.Fatal("the ballast was not needed: this test tests nothing")
	}
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	apply(t, s, Add(clip("back", 0), Live))
	if _, err := os.Stat(filepath.Join(dir, ballastName)); err != nil {
		t.Fatal("the ballast is not back:", err)
	}
	if totals, err := s.Totals(); err != nil || totals.Clips != added-38+1 {
		t.Fatal(totals, err)
	}
	sound(t, s)
}

// fillDisk takes all the room there is.
func fillDisk(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := make([]byte, 4096); ; {
		if _, err := f.Write(chunk); errors.Is(err, unix.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// addUntilFull adds clips until there is no room for one more; removals then need the ballast.
func addUntilFull(t *testing.T, s *Store) (added int) {
	t.Helper()
	for added = 60; added < 100_000; {
		err := s.Apply(t.Context(), Add(clip("front", added), Live))
		if errors.Is(err, ErrFull) {
			return added
		}
		if err != nil {
			t.Fatal(err)
		}
		added++
	}
	t.Fatal("the disk is never full")
	return 0
}

// TestMaxSize: the file's own limit is told as a full disk is.
func TestMaxSize(t *testing.T) {
	s, _, err := Open(t.Context(), Options{Dir: t.TempDir(), maxSize: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	for ; ; n += 100 {
		ops := make([]Op, 100)
		for i := range ops {
			ops[i] = Add(clip("front", n+i), Scan)
		}
		if err = s.Apply(t.Context(), ops...); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	if totals, err := s.Totals(); err != nil || totals.Clips != n {
		t.Fatal(totals, n, err)
	}
	sound(t, s)
}
