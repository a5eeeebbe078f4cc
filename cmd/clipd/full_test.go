package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallState mounts a small disk where the box's state is.
func (b *box) smallState(options string) {
	b.t.Helper()
	dir := b.state("")
	must(b.t, os.MkdirAll(dir, 0o755))
	if err := syscall.Mount("state", dir, "tmpfs", 0, options); err != nil {
		if os.Getenv("CI") != "" {
			b.t.Fatalf("mount: %v", err)
		}
		b.t.Skipf("mounting takes root: %v", err)
	}
	b.t.Cleanup(func() { b.noLeak(); b.kill(); must(b.t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
}

// fill takes all the room there is in dir and returns the way to give it back.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return func() { must(t, os.Remove(path)) }
}

// The disk of the state folder is full: the status, state/problems and MQTT say so although the journal cannot; clips are
// served, removals go on, and when there is room again everything that was recorded meanwhile is listed and announced,
// without a restart.
func TestStateDiskIsFull(t *testing.T) {
	for name, mount := range map[string]func(b *box){
		"tmpfs": func(b *box) { b.smallState("size=8m") },
		"ext4":  func(b *box) { b.disk(b.state(""), 24<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stateDiskIsFull(t, mount)
		})
	}
}

func stateDiskIsFull(t *testing.T, mount func(*box)) {
	m := newMosquitto(t)
	states, events := m.subscribe("clipd/+/state"), m.subscribe("clipd/+/event")
	b := newBox(t, "-broker", m.url())
	mount(b)
	b.start()
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	for i := range 10 {
		copyFile(t, sample, b.recordings("front", fmt.Sprintf("before%d.mp4", i)))
	}
	b.waitClips(10)
	empty := fill(t, b.state(""))
	wrote := b.writeUntil("catalogue is full", sample)
	states.next(func(m message) bool { return strings.Contains(string(m.payload), "catalogue is full") })
	b.noted("catalogue is full")
	ids := b.paths()
	if status, _ := fetch(t, b.link(ids["front/before3.mp4"])); status != http.StatusOK {
		t.Errorf("with the disk full a clip answers %d", status)
	}
	res := b.do(t.Context(), http.MethodDelete, "/api/v1/clips/"+ids["front/before4.mp4"])
	res.Body.Close()
	if _, err := os.Stat(b.recordings("front", "before4.mp4")); res.StatusCode >= 300 || err == nil {
		t.Errorf("with the disk full a removal answers %s; the file: %v", res.Status, err)
	}
	pid := b.cmd.Process.Pid
	empty()
	b.waitRetried(10 - 1 + wrote)
	events.added(fmt.Sprintf("front/during%d.mp4", wrote-1))
	b.waitMended()
	if b.cmd.Process.Pid != pid {
		t.Error("another process")
	}
	b.waitSame()
}

// writeUntil writes copies of sample, front/during0.mp4 and so on, until the status has the problem, and returns how many.
func (b *box) writeUntil(problem, sample string) (wrote int) {
	b.t.Helper()
	for ; b.problem(problem) == ""; wrote++ {
		if wrote == 20_000 {
			b.t.Fatalf("it never said that %s", problem)
		}
		copyFile(b.t, sample, b.recordings("front", fmt.Sprintf("during%d.mp4", wrote)))
	}
	return wrote
}

// noted waits until state/problems, which is written after the status and the log, says text.
func (b *box) noted(text string) {
	b.t.Helper()
	b.within("state/problems says that "+text, func() bool {
		said, err := os.ReadFile(b.state("problems"))
		return err == nil && strings.Contains(string(said), text)
	})
}

// waitRetried waits until n clips are listed, which a scan finds that comes a minute after the failure.
func (b *box) waitRetried(n int) {
	b.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(4 * patience); b.status().Clips != n; <-tick.C {
		if time.Now().After(deadline) {
			b.t.Fatalf("%d clips are listed, not %d:\n%s", b.status().Clips, n, b.lines.all())
		}
	}
}

// waitMended waits until no problem is left, where the box looks again once a minute.
func (b *box) waitMended() {
	b.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(4 * patience); b.problem("") != ""; <-tick.C {
		if time.Now().After(deadline) {
			b.t.Fatalf("there is still %q:\n%s", b.problem(""), b.lines.all())
		}
	}
}

// problem returns the problem in the status that holds text, "" if there is none.
func (b *box) problem(text string) string {
	b.t.Helper()
	for _, p := range b.status().Problems {
		if strings.Contains(p, text) {
			return p
		}
	}
	return ""
}

// No inode is left where the state is: what needs a new file says so and changes nothing, everything else goes on.
func TestStateDiskHasNoInodes(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	states := m.subscribe("clipd/+/state")
	// A poster on its way would give an inode back.
	b := newBox(t, "-broker", m.url(), "-config", write(t, "clipd.toml", "[poster]\ncommand = [\"none\"]\n"))
	b.smallState("size=32m,nr_inodes=60")
	b.start()
	record(t, b.recordings("front", "one.mp4"))
	b.waitClips(1)
	id := b.paths()["front/one.mp4"]
	var taken []string
	for {
		path := b.state(fmt.Sprintf("taken%d", len(taken)))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			break
		}
		taken = append(taken, path)
	}
	pin := func() int {
		res := b.do(t.Context(), http.MethodPut, "/api/v1/clips/"+id+"/pin")
		res.Body.Close()
		return res.StatusCode
	}
	if status := pin(); status < 500 || b.clips()[0].Pinned {
		t.Errorf("a pin that cannot be kept answers %d; pinned: %v", status, b.clips()[0].Pinned)
	}
	b.within("the status says it", func() bool { return b.problem("no inode is left") != "" })
	b.noted("no inode is left")
	states.next(says("no inode is left"))
	record(t, b.recordings("front", "two.mp4"))
	b.waitClips(2)
	for _, path := range taken {
		must(t, os.Remove(path))
	}
	b.within("the problem is over", func() bool { return b.problem("") == "" })
	if status := pin(); status >= 300 {
		t.Errorf("with inodes again a pin answers %d", status)
	}
	for _, c := range b.clips() {
		if c.Pinned != (c.ID == id) {
			t.Errorf("%s is pinned: %v", c.Path, c.Pinned)
		}
	}
	must(t, b.stop())
	b.start()
	if len(b.clips()) != 2 {
		t.Errorf("after a restart there are %v", b.paths())
	}
}

// The file system of the recordings becomes read-only while the box runs, as ext4 makes itself after an error, and
// writable again.
func TestRootBecomesReadOnly(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	states := m.subscribe("clipd/+/state")
	b := newBox(t, "-broker", m.url())
	mount(t, b.recordings(), "disk")
	b.start()
	record(t, b.recordings("front", "one.mp4"))
	b.waitClips(1)
	id := b.paths()["front/one.mp4"]
	must(t, syscall.Mount("", b.recordings(), "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	b.log("read-only file system")
	b.noted("read-only")
	states.next(says("read-only"))
	if status, _ := fetch(t, b.link(id)); status != http.StatusOK {
		t.Errorf("a clip on a read-only disk answers %d", status)
	}
	must(t, syscall.Mount("", b.recordings(), "", syscall.MS_REMOUNT, ""))
	b.log("problem is over")
	record(t, b.recordings("front", "two.mp4"))
	b.waitClips(2)
	if got := b.paths()["front/one.mp4"]; got != id {
		t.Errorf("it was clip %s and is %s", id, got)
	}
}

// The disk of the recordings is full of what is no clip: the rule that cannot be kept is told, nothing that may not go goes,
// a recording that had no room is no clip, and with room again all is well without a restart.
func TestRecordingsDiskIsFull(t *testing.T) {
	for name, fill := range map[string]func(t *testing.T, dir string) (empty func()){"space": fill, "inodes": takeInodes} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recordingsDiskIsFull(t, fill, map[string]string{"space": "no space is left", "inodes": "no inode is left"}[name])
		})
	}
}

func recordingsDiskIsFull(t *testing.T, fill func(*testing.T, string) func(), problem string) {
	m := newMosquitto(t)
	states, events := m.subscribe("clipd/+/state"), m.subscribe("clipd/+/event")
	b := newBox(t, "-broker", m.url(), "-config", write(t, "clipd.toml", "[keep]\nfree = \"8MB\"\n[poster]\ncommand = [\"none\"]\n"))
	b.disk(b.recordings(), 48<<20)
	b.start()
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	for i := range 5 {
		copyFile(t, sample, b.recordings("front", fmt.Sprintf("%d.mp4", i)))
	}
	b.waitClips(5)
	before := b.paths()
	for _, id := range before {
		b.do(t.Context(), http.MethodPut, "/api/v1/clips/"+id+"/pin").Body.Close()
	}
	empty := fill(t, b.recordings())
	if data, err := os.ReadFile(sample); err != nil || os.WriteFile(b.recordings("front", "late.mp4"), data, 0o644) == nil {
		t.Fatalf("the disk is not full; the sample: %v", err)
	}
	b.within("the status says it", func() bool { return b.problem(problem) != "" })
	b.log(problem)
	b.noted(problem)
	states.next(says(problem))
	if after := b.paths(); !maps.Equal(after, before) {
		t.Errorf("before %v, after %v", before, after)
	}
	empty()
	b.waitMended()
	record(t, b.recordings("front", "new.mp4"))
	if e := events.added("front/new.mp4"); !e.Complete {
		t.Errorf("announced as %+v", e)
	}
	if after := b.paths(); after["front/late.mp4"] != "" || len(after) != 6 {
		t.Errorf("in the end there are %v", after)
	}
}

// takeInodes makes files until no more can be made in dir, and returns the way to give them back.
func takeInodes(t *testing.T, dir string) (empty func()) {
	t.Helper()
	filler := filepath.Join(dir, "filler")
	must(t, os.Mkdir(filler, 0o755))
	for i := 0; os.WriteFile(filepath.Join(filler, fmt.Sprint(i)), nil, 0o644) == nil; i++ {
		if i == 1_000_000 {
			t.Fatal("the disk has inodes without end")
		}
	}
	return func() { must(t, os.RemoveAll(filler)) }
}
