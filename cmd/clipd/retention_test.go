package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// keeping prepares a box with a [keep] section.
func keeping(t *testing.T, keep string) *box {
	t.Helper()
	config := filepath.Join(t.TempDir(), "clipd.toml")
	must(t, os.WriteFile(config, []byte("[keep]\n"+keep+"\n"), 0o600))
	return newBox(t, "-broker", "none", "-config", config)
}

type retention struct {
	Off  string
	Last *struct{ Clips int }
	Next []struct{ Path, Reason string }
}

func (b *box) retention() (r retention) {
	b.t.Helper()
	b.get("/api/v1/retention", &r)
	return r
}

// aged writes a recording and its sidecar with an mtime of long ago, minutes after that.
func (b *box) aged(sample []byte, path string, minutes int) {
	b.t.Helper()
	at := time.Now().Add(-1000 * time.Hour).Truncate(time.Second).Add(time.Duration(minutes) * time.Minute)
	name := b.recordings(path)
	must(b.t, os.MkdirAll(filepath.Dir(name), 0o755))
	for file, text := range map[string][]byte{strings.TrimSuffix(name, ".mp4") + ".json": []byte("{}"), name + ".new": sample} {
		must(b.t, os.WriteFile(file, text, 0o644))
		must(b.t, os.Chtimes(file, at, at))
	}
	must(b.t, os.Rename(name+".new", name))
}

// The box is killed at any moment while it deletes what is too much: what is pinned stays, the oldest go, each is told
// once, no sidecar is left behind, and nothing else is touched.
func TestKilledWhileExpiring(t *testing.T) {
	sampleFile := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sampleFile)
	sample, err := os.ReadFile(sampleFile)
	must(t, err)
	const all, most, rounds = 210, 40, 20
	b := keeping(t, fmt.Sprintf("size = \"%d\"", most*len(sample)))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	n := 0
	add := func(clips int) {
		for range clips {
			b.aged(sample, fmt.Sprintf("front/%02d/%04d.mp4", n/50, n), n)
			n++
		}
	}
	add(10)
	b.start()
	b.waitClips(10)
	var pinned []string
	for path, id := range b.paths() {
		if len(pinned) < 3 {
			b.do(t.Context(), http.MethodPut, "/api/v1/clips/"+id+"/pin").Body.Close()
			pinned = append(pinned, path)
		}
	}
	must(t, os.WriteFile(b.recordings("front", "notes.odt"), []byte("mine"), 0o644))
	b.kill()
	for range rounds {
		add((all - 10) / rounds)
		b.launch()
		b.log("scan ended")
		within(r, 150*time.Millisecond)
		b.kill()
	}
	b.start()
	b.within("the rule is kept", func() bool { return b.status().BytesUsed <= int64(most*len(sample))/10*9 })
	b.within("every removal is told", func() bool { return len(b.removals()) == n-len(b.paths()) })
	b.waitSame()
	paths := b.paths()
	for _, p := range append(pinned, fmt.Sprintf("front/%02d/%04d.mp4", (n-1)/50, n-1)) {
		if paths[p] == "" {
			t.Errorf("%s is gone", p)
		}
	}
	if _, err := os.Stat(b.recordings("front", "notes.odt")); err != nil {
		t.Error(err)
	}
	must(t, filepath.WalkDir(b.recordings(), func(name string, _ fs.DirEntry, err error) error {
		clip, sidecar := strings.CutSuffix(name, ".json")
		if _, e := os.Stat(clip + ".mp4"); sidecar && e != nil {
			t.Errorf("%s is left behind", name)
		}
		return err
	}))
	b.removedOnce(paths)
}

// removal is a clip_removed.
type removal struct {
	Seq              uint64
	ID, Path, Reason string
	EventType        string `json:"event_type"`
}

// removals are all that were told.
func (b *box) removals() (all []removal) {
	b.t.Helper()
	for after, more := uint64(0), true; more; {
		var page struct{ Events []removal }
		b.get(fmt.Sprintf("/api/v1/events?limit=1000&after=%d", after), &page)
		more = len(page.Events) > 0
		for _, e := range page.Events {
			after = e.Seq
			if e.EventType == "clip_removed" {
				all = append(all, e)
			}
		}
	}
	return all
}

// removedOnce checks that each removal was told once, for a rule, and of a clip that is not there.
func (b *box) removedOnce(there map[string]string) {
	b.t.Helper()
	told := map[string]string{}
	for _, e := range b.removals() {
		if told[e.ID] != "" || there[e.Path] != "" || !strings.HasPrefix(e.Reason, "the recordings exceed") {
			b.t.Errorf("%s: removed %q, before %q, there as %q", e.Path, e.Reason, told[e.ID], there[e.Path])
		}
		told[e.ID] = e.Reason
	}
}

// within waits until ok, as often as the box's journal or status may change.
func (b *box) within(what string, ok func() bool) {
	b.t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			b.t.Fatalf("%s: not within %v\n%s", what, patience, b.lines.all())
		case <-tick.C:
		}
	}
}

// A root that has lost all its files, and not its marker, is a storage problem: nothing is forgotten or deleted.
func TestEmptiedRoot(t *testing.T) {
	b := keeping(t, `size = "1"`)
	b.start()
	must(t, b.stop())
	config := b.args
	b.args = b.args[:2] // without a rule
	b.start()
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	data, err := os.ReadFile(sample)
	must(t, err)
	for i := range 3 {
		b.aged(data, fmt.Sprintf("front/%d.mp4", i), i)
	}
	b.waitClips(3)
	must(t, b.stop())
	must(t, os.Rename(b.recordings("front"), filepath.Join(b.dir, "front")))
	b.args = config
	b.start()
	b.within("the problem is told", func() bool { return b.status().StorageProblem != "" })
	b.within("nothing is deleted, and why is said", func() bool {
		return strings.Contains(b.retention().Off, "is empty, but the catalogue has 3 files")
	})
	var last event
	b.follow(func(e event) bool { last = e; return e.EventType == "storage_problem" })
	if !strings.Contains(last.Reason, "is empty") || b.status().Clips != 3 {
		t.Errorf("the event is %+v; %d clips", last, b.status().Clips)
	}
	must(t, os.Rename(filepath.Join(b.dir, "front"), b.recordings("front")))
	b.within("the rule is kept", func() bool { return b.status().Clips == 0 })
	if s := b.status(); s.StorageProblem != "" {
		t.Errorf("still a problem: %s", s.StorageProblem)
	}
}

// disk makes a file system of its own at dir, of size bytes, for as long as the box runs.
func (b *box) disk(dir string, size int64) {
	t := b.t
	t.Helper()
	need(t, "mkfs.ext4", "losetup", "mount", "umount")
	image := filepath.Join(t.TempDir(), "disk")
	f, err := os.Create(image)
	must(t, err)
	must(t, errors.Join(f.Truncate(size), f.Close(), os.MkdirAll(dir, 0o755)))
	if out, err := exec.Command("mkfs.ext4", "-q", "-m", "0", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("mount: %v: %s", err, out)
		}
		t.Skipf("mounting takes root and loop devices: %v: %s", err, out)
	}
	t.Cleanup(func() {
		b.noLeak()
		b.kill()
		// A poster's ffmpeg may not have noticed yet that the box is gone.
		b.within("the disk is let go", func() bool { return exec.Command("umount", dir).Run() == nil })
	})
}

// A recorder that writes 20 MB/s to a file system of 1 GB never finds it full. For as long as CLIPD_SOAK says (10m), where
// nothing else uses the machine, it never finds it more than 5 % below the floor either, nor waits 200 ms longer in one write.
func TestFloorIsHeld(t *testing.T) {
	const size, floor, rate, clipSize = 1 << 30, 200 << 20, 20 << 20, 10 << 20
	lasts, most, slow := 12*time.Second, int64(floor/2), time.Minute
	if d, err := time.ParseDuration(os.Getenv("CLIPD_SOAK")); err == nil {
		lasts, most, slow = d, floor/20, 200*time.Millisecond
	}
	b := keeping(t, fmt.Sprintf("free = \"%d\"", floor))
	b.disk(b.recordings(), size)
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	clip := padded(t, sample, clipSize)
	n, slowest := 0, time.Duration(0)
	write := func() {
		f, err := os.Create(b.recordings("front.new"))
		must(t, err)
		for piece := range slices.Chunk(clip, 256<<10) {
			began := time.Now()
			_, err := f.Write(piece)
			must(t, err)
			slowest = max(slowest, time.Since(began))
		}
		must(t, errors.Join(f.Close(), os.Rename(f.Name(), b.recordings(fmt.Sprintf("%05d.mp4", n)))))
		n++
	}
	for b.room() > floor+4*clipSize {
		write()
	}
	alone := slowest // without clipd
	slowest = 0
	b.start()
	b.waitClips(n)
	least, tick := int64(size), time.NewTicker(time.Second*clipSize/rate)
	defer tick.Stop()
	for end := time.Now().Add(lasts); time.Now().Before(end); <-tick.C {
		write()
		least = min(least, b.room())
	}
	t.Logf("%d clips written; least free: %d bytes, %.1f %% below the floor; slowest write: %v, without clipd: %v",
		n, least, 100-float64(least)*100/floor, slowest, alone)
	if least < floor-most || slowest > alone+slow {
		t.Errorf("only %d bytes were free, the floor is %d; the slowest write took %v", least, floor, slowest)
	}
	b.within("the floor is held", func() bool { return b.room() >= floor })
	b.within("the report tells of it", func() bool {
		r := b.retention()
		return r.Last != nil && r.Off == "" && len(r.Next) > 0
	})
	must(t, b.stop())
	if out, err := exec.Command(binary, append([]string{"-dir", b.dir, "-check", "-depth", "stat"}, b.args...)...).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// room is how many bytes are free where the recordings are.
func (b *box) room() int64 {
	b.t.Helper()
	var st unix.Statfs_t
	must(b.t, unix.Statfs(b.recordings(), &st))
	return int64(st.Bavail) * int64(st.Bsize)
}

// padded is the recording at path made size bytes long by a box that players skip (ISO/IEC 14496-12 §8.1.2).
func padded(t *testing.T, path string, size int) []byte {
	t.Helper()
	clip, err := os.ReadFile(path)
	must(t, err)
	pad := make([]byte, size-len(clip))
	copy(pad, []byte{byte(len(pad) >> 24), byte(len(pad) >> 16), byte(len(pad) >> 8), byte(len(pad)), 'f', 'r', 'e', 'e'})
	return append(clip, pad...)
}
