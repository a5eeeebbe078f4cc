package watch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// endsWith waits for Run's end, which must have told Reconcile last.
func (r *running) endsWith(want error) {
	r.t.Helper()
	var last Event
	for e := range r.Events() {
		last = e
	}
	select {
	case err := <-r.done:
		if !errors.Is(err, want) || last.Op != Reconcile || !strings.Contains(last.Reason, want.Error()) {
			r.t.Errorf("Run: %v, last event %+v", err, last)
		}
	case <-time.After(patience):
		r.t.Fatal("Run goes on")
	}
}

func TestTreeRemovedAndMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	for range 3 {
		must(t, os.MkdirAll(filepath.Join(dir, "front"), 0o755))
		r := start(t, dir)
		write(t, filepath.Join(dir, "front/a.mp4"), "x")
		r.until(func(e Event) bool { return e == Event{Op: Closed, Path: "front/a.mp4"} })
		must(t, os.RemoveAll(dir))
		r.endsWith(ErrGone)
	}
}

func TestTreeRenamedAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	must(t, os.Mkdir(dir, 0o755))
	r := start(t, dir)
	must(t, os.Rename(dir, dir+".old"))
	r.endsWith(ErrGone)
}

func TestNoTree(t *testing.T) {
	w, err := New(filepath.Join(t.TempDir(), "recordings"), quiet)
	must(t, err)
	if err := w.Run(t.Context()); !errors.Is(err, ErrGone) {
		t.Errorf("Run: %v", err)
	}
	select {
	case <-w.Ready():
		t.Error("Ready without a tree")
	default:
	}
}

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

// A watched disk can be unmounted: neither a watch nor an idle Watcher keeps it busy.
func TestTreeUnmounted(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir)
	must(t, os.MkdirAll(filepath.Join(dir, "front/a"), 0o755))
	r := start(t, dir)
	must(t, unix.Unmount(dir, 0))
	r.endsWith(ErrGone)
}

func TestDiskBeneathTheTreeUnmounted(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "usb"), 0o755))
	mount(t, filepath.Join(dir, "usb"))
	must(t, os.Mkdir(filepath.Join(dir, "usb/front"), 0o755))
	r := start(t, dir)
	must(t, unix.Unmount(filepath.Join(dir, "usb"), 0))
	if e := r.next(); e.Op != Reconcile || !strings.Contains(e.Reason, "unmounted") {
		t.Errorf("told %+v", e)
	}
	write(t, filepath.Join(dir, "usb/a.mp4"), "x")
	if e := r.next(); e != (Event{Op: Closed, Path: "usb/a.mp4"}) {
		t.Errorf("told %+v", e)
	}
}

// Another disk mounted over the tree is no event; the next placing sees it.
func TestTreeMountedOver(t *testing.T) {
	dir := t.TempDir()
	w, err := New(dir, quiet)
	must(t, err)
	w.every = 50 * time.Millisecond
	r := startWith(t, w)
	mount(t, dir)
	r.endsWith(ErrGone)
}

// A folder bind-mounted into itself is a circle of inodes.
func TestCircle(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "a/b"), 0o755))
	mount(t, filepath.Join(dir, "a/b")) // to skip where mounting is not allowed
	must(t, os.Mkdir(filepath.Join(dir, "a/c"), 0o755))
	for _, from := range []string{dir, filepath.Join(dir, "a")} {
		to := filepath.Join(dir, "a/c")
		must(t, unix.Mount(from, to, "", unix.MS_BIND, ""))
		r := start(t, dir)
		write(t, filepath.Join(dir, "a/x.mp4"), "x")
		if e := r.next(); e != (Event{Op: Closed, Path: "a/x.mp4"}) {
			t.Errorf("told %+v", e)
		}
		r.stop()
		must(t, <-r.done)
		must(t, unix.Unmount(to, 0))
	}
}

func TestAwkwardNames(t *testing.T) {
	r := start(t, t.TempDir())
	names := []string{"x\xff\xfe.mp4", "+ # %2f\n.mp4", strings.Repeat("n", 255), strings.Repeat("d/", 20) + "a.mp4", "..mp4x", "a..b"}
	for _, name := range names {
		if Ignored(name) {
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(r.dir, name)), 0o755))
		write(t, filepath.Join(r.dir, name), "x")
		r.until(func(e Event) bool { return e == Event{Op: Closed, Path: name} })
	}
}

// A path longer than PATH_MAX cannot be watched by name. It is a stated problem, and the rest goes on.
func TestTooDeep(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	at, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	must(t, err)
	name := strings.Repeat("d", 250)
	for range 20 {
		must(t, unix.Mkdirat(at, name, 0o755))
		below, err := unix.Openat(at, name, unix.O_PATH|unix.O_DIRECTORY, 0)
		must(t, err)
		must(t, unix.Close(at))
		at = below
	}
	must(t, unix.Close(at))
	write(t, filepath.Join(dir, "a.mp4"), "x")
	r.until(func(e Event) bool { return e == Event{Op: Closed, Path: "a.mp4"} })
	if !strings.Contains(r.Problem(), "too deep") {
		t.Errorf("Problem %q", r.Problem())
	}
}
