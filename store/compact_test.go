package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hollow makes a closed catalogue of which more than half is free, with a few clips.
func hollow(t *testing.T) string {
	t.Helper()
	const clips, each, kept = 24_000, 1_000, 600
	dir := t.TempDir()
	s, _, err := Open(t.Context(), Options{Dir: dir, BootID: "boot", journal: journalLimit{100, 1 << 20}, maxSize: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []func(Clip) Op{
		func(c Clip) Op { return Add(c, Scan) },
		func(c Clip) Op { return Forget(c.ID, "test") },
	} {
		for first := 0; first < clips; first += each {
			var ops []Op
			for n := first; n < first+each; n++ {
				if c := clip("front", n); n%kept != 0 {
					ops = append(ops, op(c))
				}
			}
			apply(t, s, ops...)
		}
	}
	for n := range 30 {
		apply(t, s, Add(clip("back", n), Live), Pin(clip("back", n).ID, n%3 == 0), See(clip("side", n)), SetCursor("nas", uint64(n)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := readHead(catalogue(dir))
	if err != nil || !h.mostlyFree() {
		t.Fatalf("%d of %d pages are free, %v: this test tests nothing", h.free, h.pages, err)
	}
	return dir
}

// TestCompaction: a catalogue that is more than half free is written anew at the start, with all that was in it. A kill at
// any moment of it leaves the old one or the new one, whole.
func TestCompaction(t *testing.T) {
	dir := hollow(t)
	whole, err := os.ReadFile(catalogue(dir))
	if err != nil {
		t.Fatal(err)
	}
	want := contents(t, dir)
	after, err := os.Stat(catalogue(dir))
	if err != nil || after.Size() > int64(len(whole))/4 || !bytes.Contains([]byte(want), []byte(clip("side", 3).ID.String())) {
		t.Fatalf("%d bytes became %d, %v", len(whole), after.Size(), err)
	}
	random := rand.New(rand.NewPCG(7, 8))
	cut := 0
	for range 15 {
		if err := os.WriteFile(catalogue(dir), whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if killedWhileCompacting(t, dir, random) {
			cut++
		}
		if err := Verify(catalogue(dir)); err != nil {
			t.Fatal(err)
		}
		if got := contents(t, dir); got != want {
			t.Fatalf("the catalogue held:\n%s\nand holds:\n%s", want, got)
		}
		if _, err := os.Stat(filepath.Join(dir, newName)); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("the half of a new one is still there: %v", err)
		}
	}
	t.Logf("%d of 15 kills hit the writing of the new file", cut)
	if cut == 0 {
		t.Error("no kill hit it: this test tests nothing")
	}
}

// killedWhileCompacting starts a process that opens the catalogue and kills it a random time after it began to compact; it
// reports whether a half-written file was left.
func killedWhileCompacting(t *testing.T, dir string, random *rand.Rand) bool {
	t.Helper()
	cmd := child(t, "read", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }() // it is killed
	enough := int64(random.IntN(1 << 20))
	for tick := time.NewTicker(100 * time.Microsecond); ; {
		if info, err := os.Stat(filepath.Join(dir, newName)); err == nil && info.Size() >= enough {
			break
		}
		select {
		case <-ended:
			return false
		case <-tick.C:
		}
	}
	cmd.Process.Kill()
	<-ended
	_, err := os.Stat(filepath.Join(dir, newName))
	return err == nil
}

// smallDisk is a file system of its own with room for size bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("mounting a small tmpfs: %v", err)
		}
		t.Skipf("mounting a small tmpfs: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// TestCompactionWithoutSpace: where there is no room for a second file, the first is used as it is.
func TestCompactionWithoutSpace(t *testing.T) {
	dir := hollow(t)
	before, err := os.ReadFile(catalogue(dir))
	if err != nil {
		t.Fatal(err)
	}
	small := smallDisk(t, len(before)+32<<10)
	if err := os.WriteFile(catalogue(small), before, 0o600); err != nil {
		t.Fatal(err)
	}
	s, opened := open(t, small)
	if opened.Created {
		t.Fatalf("%+v", opened)
	}
	if _, _, err := s.Clip(clip("back", 7).ID); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(catalogue(small)); err != nil || info.Size() != int64(len(before)) {
		t.Errorf("%v %v", info.Size(), err)
	}
	sound(t, s)
}
