package announce

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"clipd/device/api"
	"clipd/device/clock"
	"clipd/device/link"
	"clipd/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

const boxID = "0123456789ab"

// program skips the test on a machine without it; CI must have it.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: apt-get install mosquitto", name)
	}
	if err != nil {
		t.Skipf("%s is missing: apt-get install mosquitto", name)
	}
	return path
}

// catalogue opens a new one.
func catalogue(t *testing.T) *store.Store {
	t.Helper()
	s, _, err := store.Open(context.Background(), store.Options{
		Dir: t.TempDir(), Now: time.Now, Synced: func() bool { return true }, BootID: "boot",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

// clip makes the n-th clip of camera, finished at mtime.
func clip(camera string, n int, mtime time.Time) store.Clip {
	c := store.Clip{
		Path: fmt.Sprintf("%s/%06d.mp4", camera, n), Camera: camera, Size: 1000 + int64(n), Mtime: mtime,
		MediaType: "video/mp4", Start: mtime.Add(-time.Minute), StartSource: "container", Duration: time.Minute,
		Width: 1920, Height: 1080, VideoCodec: "h264", Complete: true, Hashed: true, BootID: "boot", ClockSynced: true,
	}
	c.ID = store.MakeID(c.Path, c.Size, c.Mtime)
	return c
}

func apply(t *testing.T, s *store.Store, ops ...store.Op) {
	t.Helper()
	if err := s.Apply(context.Background(), ops...); err != nil {
		t.Fatal(err)
	}
}

// add lists n live clips of one camera, in groups, and returns the seq of the last.
func add(t *testing.T, s *store.Store, camera string, from, n int) uint64 {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	for _, group := range slices.Collect(slices.Chunk(slices.Collect(count(from, n)), 100)) {
		var ops []store.Op
		for _, i := range group {
			ops = append(ops, store.Add(clip(camera, i, now.Add(time.Duration(i)*time.Millisecond)), store.Live))
		}
		apply(t, s, ops...)
	}
	_, last := s.Journal()
	return last
}

func count(from, n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := from; i < from+n && yield(i); i++ {
		}
	}
}

// problems remembers what an Announcer has told.
type problems struct {
	mu   sync.Mutex
	told []string
	news chan string
}

func (p *problems) tell(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, s)
	p.news <- s
}

// config is a box's against the broker at url.
func config(s *store.Store, url string) Config {
	c := clock.System()
	return Config{
		Broker: url, Prefix: "clipd", Box: boxID, Name: "shed", Version: "1", AnnounceWithin: 24 * time.Hour,
		LinkTTL: time.Hour, Requests: []string{"ping"}, Store: s, Links: link.New(make([]byte, 32), c), Clock: c,
		BaseURL: func(net.Addr) string { return "http://192.0.2.7:8470" },
		State:   func() api.State { return api.State{} },
		Cameras: func() []string { return nil },
	}
}

// hurry shortens the times that faults would make a test wait for.
func hurry(a *Announcer) *Announcer {
	a.limits.backoffMin, a.limits.backoffMax = 10*time.Millisecond, 50*time.Millisecond
	a.limits.ack, a.limits.write = 500*time.Millisecond, 500*time.Millisecond
	a.limits.connect, a.limits.goodbye = 2*time.Second, time.Second
	a.limits.gapQuiet, a.limits.stateMin = 100*time.Millisecond, 50*time.Millisecond
	a.limits.birthMin, a.limits.birthMax = 10*time.Millisecond, 50*time.Millisecond
	return a
}

// start runs a and returns what stops it and waits for it.
func start(t *testing.T, a *Announcer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run did not return")
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits for ok, which is asked again at each commit of s.
func eventually(t *testing.T, s *store.Store, what string, ok func() bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		changed := s.Changed()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}

func cursorOf(t *testing.T, s *store.Store) uint64 {
	t.Helper()
	seq, _, err := s.Cursor(CursorName)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}
