package ingest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clipd/device/clock"
	"clipd/device/root"
	"clipd/store"
)

// box is a real catalogue, a real root and a running Ingest.
type box struct {
	*Ingest
	t        testing.TB
	dir      string // the root
	state    string
	cancel   context.CancelFunc
	done     chan error
	mu       sync.Mutex
	problems map[string]string
	patience time.Duration
	told     chan struct{} // gets a token with each problem
	scanned  chan struct{} // and with the end of each scan
}

// patience is how long a test waits for what must come.
const patience = time.Minute

// newBox makes a box that is not running, with folders of its own.
func newBox(t testing.TB, change func(*Ingest)) *box {
	t.Helper()
	top := t.TempDir()
	return openBox(t, filepath.Join(top, "recordings"), filepath.Join(top, "state"), change)
}

func openBox(t testing.TB, dir, state string, change func(*Ingest)) *box {
	t.Helper()
	b := &box{t: t, dir: dir, state: state, patience: patience, problems: map[string]string{}, told: make(chan struct{}, 100), scanned: make(chan struct{}, 1)}
	log := slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := clock.System()
	c.Synced = func() bool { return true }
	s, _, err := store.Open(context.Background(), store.Options{Dir: state, Now: c.Now, Synced: c.Synced, BootID: c.Boot, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	r := root.New(dir, s, log)
	if st := r.Look(context.Background()); !st.Present {
		t.Fatal(st.Problem)
	}
	b.Ingest = New(Config{Root: r, Store: s, Clock: c, Location: time.UTC, Hash: true, Log: log, Problem: b.problem})
	if change != nil {
		change(b.Ingest)
	}
	t.Cleanup(b.close)
	return b
}

// Write takes what is logged.
func (b *box) Write(line []byte) (int, error) {
	if testing.Verbose() {
		os.Stderr.Write(line)
	}
	if bytes.Contains(line, []byte("scan ended")) || bytes.Contains(line, []byte("scan broken off")) {
		select {
		case b.scanned <- struct{}{}:
		default:
		}
	}
	return len(line), nil
}

func (b *box) problem(key, text string) {
	b.mu.Lock()
	b.problems[key] = text
	b.mu.Unlock()
	select {
	case b.told <- struct{}{}:
	default:
	}
}

// start runs the box and waits until its first scan has ended.
func (b *box) start() *box {
	b.t.Helper()
	b.run()
	b.scannedOnce()
	return b
}

// scannedOnce waits for the end of a scan.
func (b *box) scannedOnce() {
	b.t.Helper()
	select {
	case <-b.scanned:
	case <-time.After(patience):
		b.t.Fatal("no scan has ended")
	}
}

func (b *box) run() {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.done = cancel, make(chan error, 1)
	go func() { b.done <- b.Run(ctx) }()
}

func (b *box) stop() {
	b.t.Helper()
	if b.cancel == nil {
		return
	}
	b.cancel()
	b.cancel = nil
	defer func() {
		select {
		case <-b.scanned: // of the run that ends here
		default:
		}
	}()
	if err := <-b.done; err != nil {
		b.t.Errorf("Run: %v", err)
	}
}

func (b *box) close() {
	b.stop()
	if err := b.Store.Close(); err != nil {
		b.t.Errorf("close the catalogue: %v", err)
	}
}

// settle makes a file and waits until the box has it, live: everything that was closed before it has been handled.
func (b *box) settle() {
	b.t.Helper()
	name := "settle/" + time.Now().Format("150405.000000000") + ".jpg"
	write(b.t, filepath.Join(b.dir, name[:len(name)-4]+".mp4"), []byte("no media"))
	b.until("settle", func() bool { _, err := b.Store.Partial(name[:len(name)-4] + ".mp4"); return err == nil })
}

// until waits, commit by commit, until ok.
func (b *box) until(what string, ok func() bool) {
	b.t.Helper()
	deadline := time.NewTimer(b.patience)
	defer deadline.Stop()
	for {
		changed := b.Store.Changed()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-b.told:
		case <-deadline.C:
			b.t.Fatalf("%s: still waiting after %v", what, b.patience)
		}
	}
}

// clip waits for the listed clip at path.
func (b *box) clip(path string) store.Clip {
	b.t.Helper()
	var c store.Clip
	b.until("clip "+path, func() bool {
		got, stage, err := b.Store.ClipAt(path)
		c = got
		return err == nil && stage == store.StageListed
	})
	return c
}

// partial waits for the partial at path.
func (b *box) partial(path string) store.Partial {
	b.t.Helper()
	var p store.Partial
	b.until("partial "+path, func() bool {
		got, err := b.Store.Partial(path)
		p = got
		return err == nil
	})
	return p
}

// journal returns all its rows.
func (b *box) journal() []store.Event {
	b.t.Helper()
	var all []store.Event
	for after := uint64(0); ; after = all[len(all)-1].Seq {
		rows, _, err := b.Store.Events(after, 1000)
		check(b.t, err)
		if len(rows) == 0 {
			return all
		}
		all = append(all, rows...)
	}
}

// events returns the journal's rows about path.
func (b *box) events(path string) []store.Event {
	b.t.Helper()
	return slices.DeleteFunc(b.journal(), func(e store.Event) bool { return e.Clip.Path != path })
}

// clips is how many are listed.
func (b *box) clips() int {
	b.t.Helper()
	totals, err := b.Store.Totals()
	check(b.t, err)
	return totals.Clips
}

// listed is every listed clip's path and size.
func (b *box) listed() map[string]int64 {
	b.t.Helper()
	clips := map[string]int64{}
	for after := ""; ; {
		known, err := b.Store.PathsFrom(after, 1000)
		check(b.t, err)
		for _, k := range known {
			if after = k.Path; k.Stage == store.StageListed {
				clips[k.Path] = k.Size
			}
		}
		if len(known) == 0 {
			return clips
		}
	}
}

// never fails if path was ever announced or has a row.
func (b *box) never(path string) {
	b.t.Helper()
	if e := b.events(path); len(e) > 0 {
		b.t.Errorf("%s was announced: %+v", path, e[0])
	}
	if _, stage, err := b.Store.ClipAt(path); err == nil {
		b.t.Errorf("%s is in the catalogue at stage %d", path, stage)
	}
}

func (b *box) path(rel string) string { return filepath.Join(b.dir, rel) }

// record closes data at rel as a recorder would: open, write, close.
func (b *box) record(rel string, data []byte) {
	b.t.Helper()
	write(b.t, b.path(rel), data)
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// program is the path of a program the test needs. In CI its absence is a failure.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", name)
	}
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

var samples struct {
	sync.Mutex
	made map[string][]byte
}

// sample is a short recording by ffmpeg, with the muxer's flags given.
func sample(t testing.TB, ext string, flags ...string) []byte {
	t.Helper()
	samples.Lock()
	defer samples.Unlock()
	key := ext + strings.Join(flags, " ")
	if data := samples.made[key]; data != nil {
		return data
	}
	file := filepath.Join(t.TempDir(), "sample"+ext)
	args := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1", "-c:v", "libx264",
		"-preset", "ultrafast", "-pix_fmt", "yuv420p"}, flags...)
	if out, err := exec.Command(program(t, "ffmpeg"), append(args, file)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if samples.made == nil {
		samples.made = map[string][]byte{}
	}
	samples.made[key] = data
	return data
}

func mp4(t testing.TB) []byte { return sample(t, ".mp4") }

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func closing(t testing.TB, c io.Closer) {
	t.Helper()
	check(t, c.Close())
}

// stated is the problem told last under key.
func (b *box) stated(key string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.problems[key]
}
