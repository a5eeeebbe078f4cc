package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOverwriteInPlaceIsAnotherClip(t *testing.T) {
	b := startBox(t, "-broker", "none")
	path := b.recordings("front", "loop.mp4")
	record(t, path)
	b.waitClips(1)
	before := b.paths()["front/loop.mp4"]
	record(t, path, "-metadata", "title=second")
	var removed, added string
	b.follow(func(e event) bool {
		if e.EventType == "clip_removed" {
			removed = e.ID
		}
		if e.EventType == "clip_added" && e.ID != before {
			added = e.ID
		}
		return removed != "" && added != ""
	})
	if after := b.paths()["front/loop.mp4"]; removed != before || after != added || after == before {
		t.Errorf("before %s, removed %s, added %s, listed %s", before, removed, added, after)
	}
	if status, _ := fetch(t, b.url+"/clips/"+before+"/loop.mp4"); status == 200 {
		t.Error("the old clip is still served")
	}
}

func TestRenameIntoPlace(t *testing.T) {
	b := startBox(t, "-broker", "none")
	hidden := b.recordings("front", ".writing.mp4")
	record(t, hidden)
	if err := os.Rename(hidden, b.recordings("front", "done.mp4")); err != nil {
		t.Fatal(err)
	}
	b.waitClips(1)
	if b.paths()["front/done.mp4"] == "" {
		t.Errorf("the clips are %v", b.paths())
	}
}

// A recorder killed in the middle leaves an MP4 without an index: it is remembered with its reason and never announced.
func TestKilledRecorderIsNeverAnnounced(t *testing.T) {
	need(t, "ffmpeg")
	b := startBox(t, "-broker", "none")
	path := b.recordings("front", "killed.mp4")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	ffmpeg := exec.Command("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10",
		"-c:v", "libx264", "-preset", "ultrafast", "-progress", "pipe:1", path)
	said := newLines()
	ffmpeg.Stdout = said
	if err := ffmpeg.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := said.wait("progress="); err != nil {
		t.Fatalf("ffmpeg made no progress: %v", err)
	}
	ffmpeg.Process.Kill()
	ffmpeg.Wait()
	record(t, b.recordings("front", "good.mp4"))
	b.follow(func(e event) bool {
		if e.Path == "front/killed.mp4" {
			t.Errorf("a broken file is an event: %+v", e)
		}
		return e.Path == "front/good.mp4"
	})
	b.log("killed.mp4") // said once, with its reason
	var partial struct {
		Partial []struct{ Path, Reason string } `json:"partial"`
	}
	b.within("it is remembered", func() bool { b.get("/api/v1/partial", &partial); return len(partial.Partial) > 0 })
	if len(partial.Partial) != 1 || partial.Partial[0].Path != "front/killed.mp4" || partial.Partial[0].Reason == "" {
		t.Errorf("partial files: %+v", partial)
	}
}

// A clip that is being written is not announced before its writer has closed it, however often others close it.
func TestOpenFileIsNotAnnounced(t *testing.T) {
	b := startBox(t, "-broker", "none")
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	path := b.recordings("front", "slow.mp4")
	copyFile(t, sample, b.recordings("front", "before.mp4"))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, sample, path) // another descriptor closes it, the first stays open
	copyFile(t, sample, b.recordings("front", "after.mp4"))
	closed := false
	b.follow(func(e event) bool {
		if e.Path == "front/slow.mp4" && !closed {
			t.Errorf("announced while it was open: %+v", e)
		}
		if e.Path == "front/after.mp4" {
			closed = true
			f.Close()
		}
		return e.Path == "front/slow.mp4"
	})
}

// Whatever happens to the tree, in the end the catalogue is what find(1) finds.
func TestCatalogueEqualsFindAfterAStorm(t *testing.T) {
	b := startBox(t, "-broker", "none")
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	storm(t, b, r, sample, 1500)
	b.waitSame()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	storm(t, b, r, sample, 500) // while nobody watches
	b.start()
	b.waitSame()
}

// storm makes, renames, overwrites, moves and deletes at random.
func storm(t *testing.T, b *box, r *rand.Rand, sample string, steps int) {
	t.Helper()
	any := func() string {
		files := find(t, b.recordings())
		if len(files) == 0 {
			return ""
		}
		return b.recordings(files[r.IntN(len(files))])
	}
	name := func() string {
		return b.recordings(fmt.Sprintf("cam%d", r.IntN(4)), fmt.Sprintf("d%d", r.IntN(6)), fmt.Sprintf("f%d.mp4", r.IntN(200)))
	}
	for range steps {
		from, to := any(), name()
		switch n := r.IntN(10); {
		case n < 6 || from == "":
			copyFile(t, sample, to)
		case n < 8:
			os.MkdirAll(filepath.Dir(to), 0o755)
			os.Rename(from, to)
		case n < 9:
			os.Remove(from)
		default:
			os.Rename(filepath.Dir(from), filepath.Join(filepath.Dir(filepath.Dir(from)), fmt.Sprintf("d%d", 10+r.IntN(90))))
		}
	}
}

func TestBadFilesAreHandledAndSaid(t *testing.T) {
	b := startBox(t, "-broker", "none")
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	dir := b.recordings("front")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "empty.mp4"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, "text.mp4"), []byte("this is no film"), 0o644),
		syscall.Mkfifo(filepath.Join(dir, "fifo.mp4"), 0o644),
		syscall.Mknod(filepath.Join(dir, "device.mp4"), syscall.S_IFCHR|0o644, 1<<8|3),
		os.Symlink(sample, filepath.Join(dir, "link.mp4")),
		os.Symlink("/etc", filepath.Join(dir, "etc")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	deep := filepath.Join(dir, strings.Repeat("d/", 20))
	long := strings.Repeat("l", 251) + ".mp4"
	strange := "+ # %25 \xff\xfe \"<b>\".mp4"
	copyFile(t, sample, filepath.Join(deep, "deep.mp4"))
	copyFile(t, sample, filepath.Join(dir, long))
	copyFile(t, sample, filepath.Join(dir, strange))
	b.waitClips(3)
	for _, c := range b.clips() {
		res := b.do(t.Context(), "GET", c.URLPath)
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Errorf("%q answers %s", c.Path, res.Status)
		}
	}
	b.log("text.mp4")
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b.start() // the scan meets them all again
	b.log("msg=\"scan")
	if got := len(b.paths()); got != 3 {
		t.Errorf("%d clips after the restart: %v", got, b.paths())
	}
}
