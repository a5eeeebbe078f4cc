package watch

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if inner := os.Getenv("WATCH_TEST_INNER"); inner == "" {
		goleak.VerifyTestMain(m)
	}
	os.Exit(m.Run())
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// patience bounds every wait for an event; only a failing test waits that long.
const patience = 20 * time.Second

// running is a Watcher at work in a folder of its own.
type running struct {
	*Watcher
	t    *testing.T
	done chan error
	stop context.CancelFunc
}

// start runs a Watcher on dir.
func start(t *testing.T, dir string) *running {
	t.Helper()
	w, err := New(dir, quiet)
	must(t, err)
	return startWith(t, w)
}

func startWith(t *testing.T, w *Watcher) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := &running{w, t, make(chan error, 1), stop}
	go func() { r.done <- w.Run(ctx) }()
	t.Cleanup(stop)
	select {
	case <-w.Ready():
	case err := <-r.done:
		t.Fatalf("Run: %v", err)
	case <-time.After(patience):
		t.Fatal("never ready")
	}
	return r
}

// next is the next event.
func (r *running) next() Event {
	r.t.Helper()
	select {
	case e, ok := <-r.Events():
		if !ok {
			r.t.Fatalf("no more events: %v", <-r.done)
		}
		return e
	case <-time.After(patience):
		r.t.Fatal("no event came")
	}
	return Event{}
}

// until reads events through the first that stop says yes to.
func (r *running) until(stop func(Event) bool) (seen []Event) {
	r.t.Helper()
	for {
		e := r.next()
		seen = append(seen, e)
		if stop(e) {
			return seen
		}
	}
}

// barrier reads all events of what was done before it. The kernel's queue is in order, so that a file closed now is
// told last; the third one is told after every IN_MOVED_FROM before the first was given up.
func (r *running) barrier() (seen []Event) {
	r.t.Helper()
	for _, name := range []string{"barrier-1", "barrier-2", "barrier-3"} {
		write(r.t, filepath.Join(r.dir, name), "")
		got := r.until(func(e Event) bool { return e == Event{Op: Closed, Path: name} })
		seen = append(seen, got[:len(got)-1]...)
	}
	for _, name := range []string{"barrier-1", "barrier-2", "barrier-3"} {
		must(r.t, os.Remove(filepath.Join(r.dir, name)))
		got := r.until(func(e Event) bool { return e == Event{Op: Gone, Path: name} })
		seen = append(seen, got[:len(got)-1]...)
	}
	return seen
}

// inMemory is a folder on a tmpfs, if there is one: storms are about the kernel's events, not about a disk.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "clipd-watch-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesThatAreThereAreNotTold(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "a/b/c"), 0o755))
	write(t, filepath.Join(dir, "a/b/c/old.mp4"), "x")
	r := start(t, dir)
	write(t, filepath.Join(dir, "a/b/c/new.mp4"), "x")
	if e := r.next(); e != (Event{Op: Closed, Path: "a/b/c/new.mp4"}) {
		t.Errorf("first event: %+v", e)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	r := start(t, t.TempDir())
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Run goes on")
	}
	if _, ok := <-r.Events(); ok {
		t.Error("Events is open")
	}
}

// A reader that has stopped reading must not keep Run.
func TestRunEndsWhileTellingABlockedReader(t *testing.T) {
	r := start(t, t.TempDir())
	for range eventsWaiting + 10 {
		write(t, filepath.Join(r.dir, "a.mp4"), "x")
		write(t, filepath.Join(r.dir, "b.mp4"), "x")
	}
	r.stop()
	if err := <-r.done; err != nil {
		t.Errorf("Run: %v", err)
	}
}
