package root

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mount puts a tmpfs on dir until the test ends.
func mount(t *testing.T, dir string) {
	t.Helper()
	err := unix.Mount("clipd-test", dir, "tmpfs", 0, "size=1m")
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	if err != nil {
		t.Skipf("needs root to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

func unmount(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatalf("unmount: %v", err)
	}
}

// unmountBetweenLooks fails with EBUSY if r holds a descriptor while it does nothing.
func unmountBetweenLooks(t *testing.T, r *Root) {
	t.Helper()
	r.looking.Lock()
	defer r.looking.Unlock()
	unmount(t, r.dir)
}

// await blocks until r's state is as wanted. It relies on Changed alone, and fails well before Run's ticker would look.
func await(t *testing.T, r *Root, what string, wanted func(State) bool) {
	t.Helper()
	late := time.After(lookEvery / 2)
	for {
		changed := r.Changed()
		if wanted(r.State()) {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%s was not seen: %+v", what, r.State())
		}
	}
}

func run(t *testing.T, r *Root) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func present(s State) bool { return s.Present }
func absent(s State) bool  { return !s.Present }

// A disk goes and comes back: seen at once through mountinfo, though the empty mount point stays a folder.
func TestDiskGoesAndComesBack(t *testing.T) {
	disk, dir := t.TempDir(), t.TempDir()
	mount(t, disk)
	bind := func() {
		if err := unix.Mount(disk, dir, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	bind()
	r, _, log := newRoot(t, dir)
	run(t, r)
	await(t, r, "first mount", present)
	put(t, r, "a.mp4", "x")
	for range 5 {
		unmountBetweenLooks(t, r)
		await(t, r, "unmount", absent)
		mustSay(t, r.State(), "mount the right disk")
		refusesEverything(t, r, "a.mp4")
		bind()
		await(t, r, "mount", present)
		if _, err := r.Stat("a.mp4"); err != nil {
			t.Error(err)
		}
	}
	unmountBetweenLooks(t, r)
	await(t, r, "unmount", absent)
	if got := names(t, dir); got != "" {
		t.Errorf("the mount point holds %q", got)
	}
	if log.lines() != 6 {
		t.Errorf("%d lines were logged for 6 returns", log.lines())
	}
}

// The next disk in the same slot may have the same device and inode numbers.
func TestAnotherDiskIsNotTakenForTheFirst(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir)
	r, _, _ := newRoot(t, dir)
	if !r.Look(t.Context()).Present {
		t.Fatal(r.State())
	}
	first := r.seen.Load().identity
	unmount(t, dir)
	mount(t, dir)
	put(t, r, "a.mp4", "someone else's")
	fd, err := openRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if now, err := identify(fd); err != nil || now.dev != first.dev || now.ino != first.ino {
		t.Logf("device and inode differ this time: %v, %v, %v", first, now, err)
	}
	refusesEverything(t, r, "a.mp4")
	if got := names(t, dir); got != "a.mp4" {
		t.Errorf("the other disk holds %q", got)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir)
	r, _, log := newRoot(t, dir)
	r.Look(t.Context())
	put(t, r, "a.mp4", "x")
	remount := func(flags uintptr) {
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(unix.MS_RDONLY)
	s := r.Look(t.Context())
	r.Look(t.Context())
	mustSay(t, s, "read-only", "none is deleted")
	if !s.Present || s.Writable || log.lines() != 2 {
		t.Errorf("Look = %+v, %d lines logged", s, log.lines())
	}
	if err := r.Remove("a.mp4"); err == nil {
		t.Error("Remove on a read-only root succeeded")
	}
	f, _, err := r.Open("a.mp4")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	remount(0)
	if s := r.Look(t.Context()); s != (State{Present: true, Writable: true}) {
		t.Errorf("Look = %+v", s)
	}
}

// A read-only root that never had a marker is served all the same; it cannot be told from another one but by its inode.
func TestReadOnlyWithoutMarker(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir)
	r, ids, _ := newRoot(t, dir)
	put(t, r, "a.mp4", "x")
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	s := r.Look(t.Context())
	mustSay(t, s, "read-only")
	if !s.Present || s.Writable || ids.id != "" {
		t.Errorf("Look = %+v, catalogue %q", s, ids.id)
	}
	if _, err := r.Stat("a.mp4"); err != nil {
		t.Error(err)
	}
}

// A change that moves no mount is met by the first call, which has Run look again.
func TestRunLooksWhenACallDoubts(t *testing.T) {
	r, _, _ := newRoot(t, filepath.Join(t.TempDir(), "recordings"))
	run(t, r)
	await(t, r, "the first look", present)
	if err := os.Rename(r.Dir(), r.Dir()+".old"); err != nil {
		t.Fatal(err)
	}
	refusesEverything(t, r, "a.mp4")
	await(t, r, "the rename", absent)
	mustSay(t, r.State(), "is not there")
}
