package push

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash/crc32"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"clipd/device/clock"
	"clipd/device/root"
	"clipd/store"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if ran, code := serveChild(); ran {
		os.Exit(code)
	}
	// A toxiproxy that cut a line leaves two goroutines of its own behind.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*NoopToxic).Pipe"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/stream.(*ChanWriter).Write"))
}

// quick makes what takes seconds take milliseconds, in the same proportions.
var quick = timing{
	least: 4 * time.Millisecond, most: 100 * time.Millisecond, badRest: 20 * time.Millisecond,
	dial: 5 * time.Second, stall: 1500 * time.Millisecond, look: 10 * time.Millisecond, unready: 20 * time.Millisecond,
}

var epoch = time.Date(2026, 11, 22, 7, 55, 1, 0, time.UTC)

// box is a real catalogue, a real root and a Pusher.
type box struct {
	*store.Store
	p    *Pusher
	conf Config
	said *bytes.Buffer
	stop func()
}

func newBox(t testing.TB, change func(c *Config)) *box {
	t.Helper()
	dir := t.TempDir()
	b := &box{said: &bytes.Buffer{}}
	c := Config{
		State: filepath.Join(dir, "state"), Clock: clock.System(), Box: "0123456789ab", Name: "Front door", Location: time.UTC,
		Log: slog.New(slog.NewTextHandler(&locked{w: b.said}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&c)
	}
	b.conf = c
	b.open(t, filepath.Join(dir, "recordings"))
	t.Cleanup(func() { b.close(t) })
	return b
}

// open starts the box (again) on what is on disk. Nothing is pushed before run.
func (b *box) open(t testing.TB, recordings string) {
	t.Helper()
	s, _, err := store.Open(context.Background(), store.Options{Dir: b.conf.State, Now: b.conf.Clock.Now, BootID: "boot"})
	if err != nil {
		t.Fatal(err)
	}
	b.Store, b.conf.Store = s, s
	b.conf.Root = root.New(recordings, s, b.conf.Log)
	if state := b.conf.Root.Look(context.Background()); !state.Present {
		t.Fatal(state.Problem)
	}
	if b.p, err = New(b.conf); err != nil {
		t.Fatal(err)
	}
	b.p.timing = quick
	b.stop = func() {}
}

func (b *box) run(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.p.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func (b *box) close(t testing.TB) {
	t.Helper()
	b.stop()
	if err := b.Store.Close(); err != nil {
		t.Error(err)
	}
	if err := store.Verify(store.Path(b.conf.State)); err != nil {
		t.Error(err)
	}
}

// reopen is a restart.
func (b *box) reopen(t testing.TB) {
	t.Helper()
	b.close(t)
	b.open(t, b.conf.Root.Dir())
}

// record makes a file and its row, without listing it.
func (b *box) record(t testing.TB, path string, content []byte) store.Clip {
	t.Helper()
	full := filepath.Join(b.conf.Root.Dir(), path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(full, epoch, epoch); err != nil {
		t.Fatal(err)
	}
	return store.Clip{
		ID: store.MakeID(path, int64(len(content)), epoch), Path: path, Camera: filepath.Dir(path), Size: int64(len(content)), Mtime: epoch,
		MediaType: "video/mp4", Start: epoch, Complete: true, Hashed: true, SHA256: sha256.Sum256(content), CRC32: crc32.ChecksumIEEE(content),
	}
}

// clip makes a listed clip.
func (b *box) clip(t testing.TB, path string, content []byte) store.Clip {
	t.Helper()
	c := b.record(t, path, content)
	b.apply(t, store.Add(c, store.Live))
	return c
}

func (b *box) apply(t testing.TB, ops ...store.Op) {
	t.Helper()
	if err := b.Apply(context.Background(), ops...); err != nil {
		t.Fatal(err)
	}
}

func (b *box) ask(t testing.TB, c store.Clip, target string) {
	t.Helper()
	if err := b.p.Push(t.Context(), c.ID, target); err != nil {
		t.Fatal(err)
	}
}

// wait blocks until ok holds after some commit.
func (b *box) wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		changed := b.Changed()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			pushes, err := b.Pushes("", 3)
			t.Fatalf("waiting until %s; the queue begins %+v %v", what, pushes, err)
		}
	}
}

func (b *box) counts(t testing.TB, wantWaiting, wantDead int) {
	t.Helper()
	b.wait(t, "the queue is as expected", func() bool {
		waiting, dead := b.PushCounts()
		return waiting == wantWaiting && dead == wantDead
	})
}

// died waits until the only push is given up, and returns why.
func (b *box) died(t testing.TB) string {
	t.Helper()
	b.counts(t, 0, 1)
	pushes, err := b.Pushes("", 10)
	if err != nil || len(pushes) != 1 {
		t.Fatalf("%+v %v", pushes, err)
	}
	return pushes[0].Error
}

// failing waits until the only push has an error, and returns it.
func (b *box) failing(t testing.TB) (p store.Push) {
	t.Helper()
	b.wait(t, "an attempt fails", func() bool {
		pushes, err := b.Pushes("", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(pushes) == 0 {
			return false
		}
		p = pushes[0]
		return p.Error != ""
	})
	return p
}

func (b *box) events(t testing.TB, kind store.EventType) (found []store.Event) {
	t.Helper()
	events, _, err := b.Events(0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Type == kind {
			found = append(found, e)
		}
	}
	return found
}

// to configures one target nas, by URL.
func to(url string) func(c *Config) {
	return func(c *Config) {
		c.Targets = map[string]Target{"nas": {URL: url + "/in/{camera}/{name}"}}
		c.MaxTries = 3
	}
}

// locked makes a buffer safe for a logger.
type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// needs skips where a program is missing, but on the machine that decides.
func needs(t testing.TB, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if path = "/usr/sbin/" + program; !executable(path) {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is missing: install the Debian package %s", program, pkg)
			}
			t.Skipf("%s is missing: install the Debian package %s", program, pkg)
		}
	}
	return path
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0
}

func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func ok(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusCreated) }
