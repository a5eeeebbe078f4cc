package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"clipd/store"
)

// fill makes n recordings, a minute apart by their times, the highest number being the newest.
func fill(b *box, folder string, n int, data []byte) {
	b.t.Helper()
	for i := range n {
		name := fmt.Sprintf("%s/%04d.mp4", folder, i)
		b.record(name, data)
		at := time.Date(2026, 11, 1, 0, i, 0, 0, time.UTC)
		check(b.t, os.Chtimes(b.path(name), at, at))
	}
}

func TestScanListsNewestFirst(t *testing.T) {
	for _, hash := range []bool{true, false} {
		b := newBox(t, func(in *Ingest) { in.Hash = hash })
		fill(b, "front", 520, mp4(t))
		b.start()
		want := 519
		for _, e := range b.journal() {
			if name := fmt.Sprintf("front/%04d.mp4", want); e.Clip.Path != name || e.Origin != store.Scan || e.Clip.Hashed != hash {
				t.Fatalf("hash %v: %s %s (hashed %v), want %s", hash, e.Origin, e.Clip.Path, e.Clip.Hashed, name)
			}
			want--
		}
		if want != -1 {
			t.Errorf("hash %v: %d files were not announced", hash, want+1)
		}
	}
}

// What changed while the box was off is found: new, changed, renamed and removed files.
func TestScanReconciles(t *testing.T) {
	b := newBox(t, nil)
	fill(b, "front", 20, mp4(t))
	b.record("front/broken.mp4", []byte("x"))
	b.start()
	same := b.clip("front/0007.mp4")
	b.stop()

	other := sample(t, ".mp4", "-t", "0.5")
	b.record("front/0001.mp4", other)
	check(t, os.Remove(b.path("front/0002.mp4")))
	check(t, os.Rename(b.path("front/0003.mp4"), b.path("back.mp4")))
	b.record("front/new.mp4", other)
	b.record("front/0007.jpg", []byte("poster"))
	check(t, os.Remove(b.path("front/broken.mp4")))
	check(t, os.Remove(b.path("front/0004.mp4")))
	check(t, os.Mkdir(b.path("front/0004.mp4"), 0o755))
	b.start()
	if got, want := b.listed(), find(t, b.dir); !maps.Equal(got, want) {
		t.Errorf("catalogue %v, want %v", got, want)
	}
	if got := b.clip("front/0007.mp4"); got.ID != same.ID || got.Poster != "front/0007.jpg" {
		t.Errorf("unchanged clip %v poster %q, want %v with its new poster", got.ID, got.Poster, same.ID)
	}
	if e := b.events("front/0007.mp4"); len(e) != 1 {
		t.Errorf("%d events of an unchanged clip, want one", len(e))
	}
	if got := b.clip("front/0001.mp4"); got.SHA256 != sha256.Sum256(other) {
		t.Error("the changed file has its old sums")
	}
	if _, err := b.Store.Partial("front/broken.mp4"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the partial of a removed file stays: %v", err)
	}
}

// A scan that is broken off goes on where it was: rows that were seen stay, nothing is announced twice.
func TestScanResumes(t *testing.T) {
	b := newBox(t, nil)
	fill(b, "front", 600, mp4(t))
	for round := range 8 {
		b.run()
		b.until("some progress", func() bool {
			totals, err := b.Store.Totals()
			return err == nil && totals.Clips+totals.Pending > 0 && totals.Clips >= min(round*64, 500)
		})
		b.stop()
	}
	b.start()
	b.until("the rest", func() bool { return maps.Equal(b.listed(), find(t, b.dir)) })
	added := map[string]int{}
	for _, e := range b.journal() {
		if added[e.Clip.Path]++; e.Type != store.ClipAdded || added[e.Clip.Path] > 1 {
			t.Fatalf("%s of %s, number %d", e.Type, e.Clip.Path, added[e.Clip.Path])
		}
	}
}

func TestLiveOvertakesScan(t *testing.T) {
	b := newBox(t, nil)
	fill(b, "old", 900, mp4(t))
	b.run()
	b.until("the hash pass", func() bool { return b.Progress().Pass == 3 })
	b.record("new.mp4", mp4(t))
	b.until("everything", func() bool { return b.clips() == 901 })
	live := b.events("new.mp4")
	_, last := b.Store.Journal()
	if len(live) != 1 || live[0].Origin != store.Live {
		t.Fatalf("events %+v, want one live", live)
	}
	if behind := last - live[0].Seq; behind < 100 {
		t.Errorf("only %d clips came after the live one", behind)
	}
}

// The root goes away and comes back: nothing is forgotten, and what was recorded meanwhile is found.
func TestRootGoesAndReturns(t *testing.T) {
	b := newBox(t, nil)
	fill(b, "front", 30, mp4(t))
	b.start()
	before := b.listed()
	away := b.dir + "-away"
	check(t, os.Rename(b.dir, away))
	b.Root.Look(context.Background())
	b.Rescan("test")
	if err := b.scan(context.Background(), "test"); err == nil {
		t.Error("a scan of a root that is away ended well")
	}
	check(t, os.MkdirAll(b.dir, 0o755)) // an empty mount point
	b.Root.Look(context.Background())
	if err := b.scan(context.Background(), "test"); err == nil {
		t.Error("a scan of a folder without marker ended well")
	}
	if got := b.listed(); !maps.Equal(got, before) {
		t.Errorf("%d clips while the root is away, want %d", len(got), len(before))
	}
	check(t, os.Remove(b.dir))
	write(t, filepath.Join(away, "front/meanwhile.mp4"), mp4(t))
	check(t, os.Rename(away, b.dir))
	b.Root.Look(context.Background())
	b.clip("front/meanwhile.mp4")
	b.record("front/after.mp4", mp4(t))
	b.clip("front/after.mp4")
	if got := len(b.listed()); got != 32 {
		t.Errorf("%d clips, want 32", got)
	}
	for _, e := range b.journal() {
		if e.Type == store.ClipRemoved {
			t.Errorf("%s was removed", e.Clip.Path)
		}
	}
}

// A root that is suddenly empty is a problem to tell, not a hundred removals.
func TestEmptyRootForgetsNothing(t *testing.T) {
	b := newBox(t, nil)
	fill(b, "front", 100, mp4(t))
	b.run()
	b.until("the scan", func() bool { return b.clips() == 100 })
	b.stop()
	check(t, os.Rename(b.path("front"), b.dir+"-front"))
	b.run()
	b.until("the problem", func() bool { return b.stated("empty-root") != "" })
	if got := len(b.listed()); got != 100 {
		t.Errorf("%d clips left of 100", got)
	}
	check(t, os.Rename(b.dir+"-front", b.path("front")))
	b.record("front/new.mp4", mp4(t)) // ends it
	b.until("the problem's end", func() bool { return b.stated("empty-root") == "" })
	for _, e := range b.journal() {
		if e.Type == store.ClipRemoved {
			t.Fatalf("%s was removed", e.Clip.Path)
		}
	}
}

// Removing most of a root is followed, as long as it is not all of it.
func TestScanForgetsWhatIsGone(t *testing.T) {
	b := newBox(t, nil)
	fill(b, "front", 1020, mp4(t))
	b.start()
	b.stop()
	check(t, os.RemoveAll(b.path("front")))
	check(t, os.Mkdir(b.path("front"), 0o755))
	b.start()
	b.until("the removals", func() bool { return b.clips() == 0 })
	if got := len(b.journal()); got != 2040 {
		t.Errorf("%d events, want 1,020 added and as many removed", got)
	}
}

// A file that is being written while it is scanned is a partial, and a clip when it is closed.
func TestScanMeetsGrowingFile(t *testing.T) {
	b := newBox(t, nil)
	data := mp4(t)
	check(t, os.MkdirAll(b.path("front"), 0o755))
	f := must[*os.File](t)(os.Create(b.path("front/a.mp4")))
	must[int](t)(f.Write(data))
	b.start()
	if p := b.partial("front/a.mp4"); p.Reason != stillWritten {
		t.Errorf("reason %q, want %q", p.Reason, stillWritten)
	}
	b.never("front/a.mp4")
	closing(t, f)
	b.clip("front/a.mp4")
	if e := b.events("front/a.mp4"); len(e) != 1 || e[0].Origin != store.Live {
		t.Errorf("events %+v, want one live", e)
	}
}

// What the live worker commits about a path is newer than what the scan saw before.
func TestScanGivesWayToLive(t *testing.T) {
	b := newBox(t, nil)
	b.record("a.mp4", mp4(t))
	b.record("b.mp4", mp4(t))
	info := func(name string) store.Clip {
		fi, err := b.Root.Stat(name)
		check(t, err)
		return b.seen(name, fi)
	}
	ctx := context.Background()
	stale := batch{in: b.Ingest}
	b.commits.begin()
	stale.add("a.mp4", store.See(info("a.mp4")))
	stale.add("b.mp4", store.See(info("b.mp4")))

	b.record("a.mp4", append(mp4(t), "\x00\x00\x00\x08free"...))
	newer := info("a.mp4")
	check(t, b.commitLive(ctx, []string{"a.mp4"}, []store.Op{store.Add(newer, store.Live)}))
	check(t, stale.flush(ctx))
	if c := b.clip("a.mp4"); c.ID != newer.ID {
		t.Errorf("clip %v, want the live one, %v", c.ID, newer.ID)
	}
	if _, stage, err := b.Store.ClipAt("b.mp4"); err != nil || stage != store.StageSeen {
		t.Errorf("the batch's other file: stage %d, %v", stage, err)
	}
	many := make([]string, maxTouched+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	stale.add("a.mp4", store.See(info("b.mp4")))
	check(t, b.commitLive(ctx, many, []store.Op{store.ClearPartial("none")}))
	if check(t, stale.flush(ctx)); !stale.void {
		t.Error("a batch with more live paths than are remembered was committed")
	}
}

func TestProgress(t *testing.T) {
	b := newBox(t, nil)
	fill(b, "front", 600, mp4(t))
	b.run()
	passes := map[int]bool{}
	b.until("the scan", func() bool {
		if p := b.Progress(); p.Scanning {
			passes[p.Pass] = true
		}
		return b.clips() == 600
	})
	if !passes[1] && !passes[2] || !passes[3] {
		t.Errorf("passes seen: %v", passes)
	}
	if since := time.Since(b.Beat()); since > 2*pulse {
		t.Errorf("no sign of life for %v", since)
	}
}

// Rows that were left between the probe and the hash are listed too when hashing has been turned off since.
func TestHashingTurnedOff(t *testing.T) {
	b := newBox(t, func(in *Ingest) { in.Hash = false })
	b.record("a.mp4", mp4(t))
	info := must[os.FileInfo](t)(b.Root.Stat("a.mp4"))
	check(t, b.Store.Apply(t.Context(), store.Probed(b.seen("a.mp4", info))))
	b.start()
	if c := b.clip("a.mp4"); c.Hashed {
		t.Error("hashed although that is turned off")
	}
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		check(t, g.pass(t.Context()))
		g.shut()
		passed := make(chan error, 1)
		go func() { passed <- g.pass(t.Context()) }()
		synctest.Wait()
		if len(passed) != 0 {
			t.Fatal("the gate was passed while it was shut")
		}
		g.reopen()
		check(t, <-passed)
		g.shut()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.pass(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("at a shut gate without a future: %v", err)
		}
	})
}

// A file being hashed by the scan rests between two blocks while there is live work.
func TestHashingRestsForLive(t *testing.T) {
	b := newBox(t, nil)
	b.record("big.mp4", make([]byte, 4*hashBlock))
	f, info, err := b.Root.Open("big.mp4")
	check(t, err)
	defer f.Close()
	c := b.seen("big.mp4", info)
	blocks := 0
	resting := make(chan struct{})
	h := hasher{pause: func(ctx context.Context) error {
		if blocks++; blocks == 2 {
			b.gate.shut()
			go func() { close(resting) }()
		}
		return b.gate.pass(ctx)
	}}
	done := make(chan error, 1)
	go func() { done <- h.clip(t.Context(), f, &c) }()
	<-resting
	if len(done) != 0 {
		t.Error("hashing went on at a shut gate")
	}
	b.gate.reopen()
	if check(t, <-done); !c.Hashed || blocks != 4 {
		t.Errorf("hashed %v in %d blocks, want 4", c.Hashed, blocks)
	}
}
