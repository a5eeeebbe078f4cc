package retain

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"clipd/device/clock"
	"clipd/device/root"
	"clipd/store"
)

// box is a catalogue, a root with real files, and a Retainer on both; wall clock and uptime are the test's.
type box struct {
	t        testing.TB
	dir      string
	store    *store.Store
	root     *root.Root
	r        *Retainer
	wall     atomic.Int64 // Unix nanoseconds
	up       atomic.Int64
	unsynced atomic.Bool
	disk     int64 // bytes of the file system, 0: it has much room
	problems map[string]string
	reasons  []string // of what was deleted
	fetching map[store.ID]bool
	kept     []byte
	fail     error // of the next deletions
	off      string
	judge    func(Doomed) // of each deletion, before it is made; nil: it may be
}

// noon is when the tests begin.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newBox(t testing.TB, rules Rules, change ...func(*Config)) *box {
	t.Helper()
	dir, err := os.MkdirTemp(inMemory(), "retain")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &box{t: t, dir: dir, problems: map[string]string{}, fetching: map[store.ID]bool{}}
	b.wall.Store(noon.UnixNano())
	b.up.Store(int64(time.Hour))
	b.store, _, err = store.Open(context.Background(), store.Options{Dir: filepath.Join(dir, "state"), Now: b.now, BootID: "boot"})
	b.must(err)
	t.Cleanup(func() { b.store.Close() })
	b.root = root.New(filepath.Join(dir, "recordings"), b.store, slog.New(slog.DiscardHandler))
	b.root.Look(context.Background())
	b.restart(rules, change...)
	return b
}

// inMemory is a folder in memory, where there is one: commits then cost little.
func inMemory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// restart makes a new Retainer with rules, as a new process has.
func (b *box) restart(rules Rules, change ...func(*Config)) {
	c := Config{
		Store: b.store, Root: b.root, Log: slog.New(slog.DiscardHandler), Rules: rules,
		Clock: clock.Clock{
			Now: b.now, Synced: func() bool { return !b.unsynced.Load() }, Boot: "boot",
			Uptime: func() time.Duration { return time.Duration(b.up.Load()) },
		},
		Fetching: func(id store.ID) bool { return b.fetching[id] },
		Expire:   b.expire, ExpirePartial: b.expirePartial,
		Off:     func() string { return b.off },
		Problem: func(key, text string) { b.problems[key] = text },
		Load:    func() ([]byte, error) { return b.kept, nil },
		Keep:    func(text []byte) error { b.kept = text; return nil },
	}
	if b.disk > 0 {
		c.Free = b.free
	}
	for _, ch := range change {
		ch(&c)
	}
	b.r = New(c)
}

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) now() time.Time { return time.Unix(0, b.wall.Load()) }

// pass lets time go by, as a clock that is right does.
func (b *box) pass(d time.Duration) {
	b.wall.Add(int64(d))
	b.up.Add(int64(d))
}

// jump sets the wall clock.
func (b *box) jump(d time.Duration) { b.wall.Add(int64(d)) }

// add records a clip of size bytes that started at start.
func (b *box) add(file string, size int64, start time.Time) store.Clip {
	b.t.Helper()
	c := b.file(file, size, start)
	b.must(b.store.Apply(context.Background(), store.Add(c, store.Live)))
	return c
}

// file writes the file of a clip that is not catalogued yet.
func (b *box) file(file string, size int64, start time.Time) store.Clip {
	b.t.Helper()
	b.write(file, size, start)
	c := store.Clip{
		ID: store.MakeID(file, size, start), Path: file, Camera: path.Dir(file), Size: size, Mtime: start, Start: start, BootID: "boot",
	}
	if c.Camera == "." {
		c.Camera = "default"
	}
	return c
}

func (b *box) write(file string, size int64, mtime time.Time) {
	b.t.Helper()
	name := filepath.Join(b.root.Dir(), file)
	b.must(os.MkdirAll(filepath.Dir(name), 0o755))
	b.must(os.WriteFile(name, nil, 0o644))
	b.must(os.Truncate(name, size))
	b.must(os.Chtimes(name, mtime, mtime))
}

// free is that of a file system of b.disk bytes with nothing on it but what is catalogued.
func (b *box) free() (free, total int64, err error) {
	totals, err := b.store.Totals()
	return b.disk - totals.Bytes, b.disk, err
}

// expire deletes as device's remover does, in its simplest form.
func (b *box) expire(ctx context.Context, clips []Doomed) (gone int, err error) {
	if b.fail != nil {
		return 0, b.fail
	}
	for _, c := range clips {
		if b.judge != nil {
			b.judge(c)
		}
		if err := b.store.Apply(ctx, store.Expire(c.ID, c.Reason)); err != nil {
			return gone, err
		}
		b.must(b.root.Unlink(c.Path))
		b.must(b.store.Apply(ctx, store.Forget(c.ID, "")))
		b.reasons = append(b.reasons, c.Reason)
		gone++
	}
	return gone, nil
}

func (b *box) expirePartial(ctx context.Context, p store.Partial) (bool, error) {
	b.must(b.root.Unlink(p.Path))
	return true, b.store.Apply(ctx, store.ClearPartial(p.Path))
}

// run lets the Retainer work until it has nothing more to do, as if all its rests were over.
func (b *box) run() {
	b.t.Helper()
	for idle := 0; idle < 2; idle++ {
		b.r.keep.walks = map[scope]*walk{}
		b.r.keep.nextAge, b.r.keep.partial.next = time.Time{}, time.Time{}
		_, last := b.store.Journal()
		_, err := b.r.turn(b.t.Context(), &priority{})
		b.must(err)
		if _, now := b.store.Journal(); now != last || b.r.keep.aging != nil || len(b.r.keep.partial.due) > 0 {
			idle = -1
		}
	}
}

// has reports whether the clip and its file are there; both or neither must be.
func (b *box) has(c store.Clip) bool {
	b.t.Helper()
	_, _, err := b.store.Clip(c.ID)
	_, gone := b.root.Stat(c.Path)
	if (err == nil) != (gone == nil) {
		b.t.Fatalf("%s: catalogue says %v, disk %v", c.Path, err, gone)
	}
	return err == nil
}

// left returns how many of the clips are there.
func (b *box) left(clips []store.Clip) (n int) {
	for _, c := range clips {
		if b.has(c) {
			n++
		}
	}
	return n
}

// many records n clips of size bytes, one an hour, the newest at end.
func (b *box) many(folder string, n int, size int64, end time.Time) (clips []store.Clip) {
	b.t.Helper()
	var ops []store.Op
	for i := range n {
		clips = append(clips, b.file(fmt.Sprintf("%s/%04d.mp4", folder, i), size, end.Add(-time.Duration(n-1-i)*time.Hour)))
		ops = append(ops, store.Add(clips[i], store.Live))
	}
	b.must(b.store.Apply(context.Background(), ops...))
	return clips
}
