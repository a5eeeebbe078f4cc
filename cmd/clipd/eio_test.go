package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// faultyBox prepares one whose disk can be made to fail, with a rule of [keep] that would delete whatever it is let.
func faultyBox(t *testing.T, keep string, args ...string) (*box, *faulty) {
	t.Helper()
	b := newBox(t, append(args, "-config", write(t, "clipd.toml", "[keep]\n"+keep+"\n"))...)
	return b, b.faultyDisk()
}

func says(text string) func(message) bool {
	return func(m message) bool { return strings.Contains(string(m.payload), text) }
}

// A recording that cannot be read is a problem in status, log, state/problems and MQTT, and a clip as soon as it can be.
func TestRecordingThatCannotBeRead(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	states, events := m.subscribe("clipd/+/state"), m.subscribe("clipd/+/event")
	b, disk := faultyBox(t, `partial = "1s"`, "-broker", m.url())
	b.start()
	record(t, b.recordings("front", "good.mp4"))
	events.added("front/good.mp4")
	const problem = "the recording front/bad.mp4 cannot be read"
	disk.fail("read", "recordings/front/bad.mp4", syscall.EIO)
	copyFile(t, b.recordings("front", "good.mp4"), b.recordings("front", "bad.mp4"))
	b.within("the status says it", func() bool { return strings.Contains(b.problem(problem), "input/output error") })
	b.log(problem)
	b.noted(problem)
	states.next(says(problem))
	copyFile(t, b.recordings("front", "good.mp4"), b.recordings("front", "later.mp4"))
	events.added("front/later.mp4") // the others go on
	disk.heal()
	events.added("front/bad.mp4")
	b.within("the problem is over", func() bool { return b.problem("") == "" })
	b.waitSame()
	if gone := disk.gone(); len(gone) > 0 {
		t.Errorf("deleted: %q", gone)
	}
}

// A clip that can no longer be read breaks off, is told in the log, stays a clip and is whole when the disk is.
func TestClipThatCanNoLongerBeRead(t *testing.T) {
	t.Parallel()
	b, disk := faultyBox(t, `age = "365d"`, "-broker", "none")
	b.start()
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	want := padded(t, sample, 8<<20)
	must(t, os.Mkdir(b.recordings("front"), 0o755))
	must(t, os.WriteFile(b.recordings("front", "a.mp4"), want, 0o644))
	b.waitClips(1)
	before := b.paths()
	link := b.link(before["front/a.mp4"])
	disk.fail("read", "recordings/front/a.mp4", syscall.EIO)
	res, err := http.Get(link)
	must(t, err)
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("%s with %d bytes looks whole", res.Status, n)
	}
	b.log("truncated")
	disk.heal()
	if status, got := fetch(t, link); status != http.StatusOK || string(got) != string(want) {
		t.Errorf("with the disk in order it answers %d with %d bytes", status, len(got))
	}
	if after := b.paths(); len(after) != 1 || after["front/a.mp4"] != before["front/a.mp4"] || len(disk.gone()) > 0 {
		t.Errorf("before %v, after %v, deleted %q", before, after, disk.gone())
	}
}

// The marker of the recordings folder, or the folder itself, cannot be read: a storage problem until it can be.
func TestRecordingsFolderThatCannotBeRead(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	states, events := m.subscribe("clipd/+/state"), m.subscribe("clipd/+/event")
	b, disk := faultyBox(t, `size = "1GB"`, "-broker", m.url())
	b.start()
	record(t, b.recordings("front", "one.mp4"))
	events.added("front/one.mp4")
	link := b.link(b.paths()["front/one.mp4"])
	disk.fail("read", "recordings/.clipd-root", syscall.EIO)
	b.within("its clip answers 503", func() bool { status, _ := fetch(t, link); return status == http.StatusServiceUnavailable })
	b.log("is its disk still connected?")
	b.noted("is its disk still connected?")
	states.next(says("is its disk still connected?"))
	events.next(func(m message) bool { return m.event().EventType == "storage_problem" })
	if s := b.status(); s.StorageProblem == "" || s.Clips != 1 {
		t.Errorf("the status says %+v", s)
	}
	disk.heal()
	events.next(func(m message) bool { return m.event().EventType == "storage_ok" })
	b.within("its clip is served again", func() bool { status, _ := fetch(t, link); return status == http.StatusOK })
	record(t, b.recordings("front", "two.mp4"))
	events.added("front/two.mp4")
	b.waitSame()
	if gone := disk.gone(); len(gone) > 0 {
		t.Errorf("deleted: %q", gone)
	}
}

// A folder that cannot be listed proves nothing about the files in it: none is forgotten.
func TestFolderThatCannotBeListed(t *testing.T) {
	t.Parallel()
	b, disk := faultyBox(t, `age = "365d"`, "-broker", "none")
	b.start()
	record(t, b.recordings("front", "one.mp4"))
	copyFile(t, b.recordings("front", "one.mp4"), b.recordings("yard", "one.mp4"))
	b.waitClips(2)
	before := b.paths()
	must(t, b.stop())
	disk.fail("list", "recordings/front", syscall.EIO)
	b.start()
	b.within("the status says it", func() bool { return strings.Contains(b.problem("front"), "input/output error") })
	b.within("the other folder was scanned", func() bool { return !b.status().Scanning })
	if after := b.paths(); len(after) != 2 {
		t.Errorf("before %v, after %v", before, after)
	}
	disk.heal()
	b.waitMended() // the watcher looks once a minute
	copyFile(t, b.recordings("front", "one.mp4"), b.recordings("front", "two.mp4"))
	b.waitClips(3)
	if gone := disk.gone(); len(gone) > 0 || b.paths()["front/one.mp4"] != before["front/one.mp4"] {
		t.Errorf("before %v, after %v, deleted %q", before, b.paths(), gone)
	}
}

// A disk that deletes nothing keeps the clips in the catalogue, and says which rule cannot be kept.
func TestDiskThatDeletesNothing(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	states := m.subscribe("clipd/+/state")
	b, disk := faultyBox(t, `size = "100kB"`, "-broker", m.url())
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	data, err := os.ReadFile(sample)
	must(t, err)
	disk.fail("unlink", "recordings/front/0.mp4", syscall.EIO)
	for i := range 6 {
		b.aged(data, fmt.Sprintf("front/%d.mp4", i), i)
	}
	b.start()
	b.within("the status says it", func() bool { return strings.Contains(b.problem("cannot be deleted"), "input/output error") })
	b.noted("cannot be deleted")
	states.next(says("cannot be deleted"))
	b.within("the rule is kept with the next oldest", func() bool { return b.status().BytesUsed <= 100_000 })
	b.waitSame()
	paths := b.paths()
	if paths["front/0.mp4"] == "" || paths["front/5.mp4"] == "" {
		t.Errorf("the clips are %v, deleted were %q", paths, disk.gone())
	}
	for _, path := range disk.gone() {
		clip := strings.TrimPrefix(strings.TrimSuffix(path, ".json"), "recordings/")
		if clip != "front/0" && paths[strings.TrimSuffix(clip, ".mp4")+".mp4"] != "" {
			t.Errorf("deleted: %s", path)
		}
	}
}

// A catalogue that cannot be written, or flushed, ends the process with the reason on standard error and in state/problems:
// what is on disk is not known any more (store/doc.go). While that lasts no start succeeds; then everything is there.
func TestCatalogueThatCannotBeWritten(t *testing.T) {
	for _, operation := range []string{"write", "fsync"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			m := newMosquitto(t)
			availability, events := m.subscribe("clipd/+/availability"), m.subscribe("clipd/+/event")
			b, disk := faultyBox(t, `age = "365d"`, "-broker", m.url())
			b.start()
			record(t, b.recordings("front", "one.mp4"))
			events.added("front/one.mp4")
			b.do(t.Context(), http.MethodPut, "/api/v1/clips/"+b.paths()["front/one.mp4"]+"/pin").Body.Close()
			before := b.paths()
			disk.fail(operation, "state/catalogue.db", syscall.EIO)
			copyFile(t, b.recordings("front", "one.mp4"), b.recordings("front", "two.mp4"))
			if err := b.exit(); err == nil || !strings.Contains(b.lines.all(), "committing to "+b.state("catalogue.db")+": ") {
				t.Errorf("it ended with %v:\n%s", err, b.lines.all())
			}
			availability.next(says("offline"))
			b.noted("input/output error")
			b.launch()
			if err := b.exit(); err == nil || !strings.Contains(b.lines.all(), "input/output error") {
				t.Errorf("with the disk still broken it ended with %v:\n%s", err, b.lines.all())
			}
			disk.heal()
			b.start()
			b.log("the last run ended with a problem")
			b.waitClips(2)
			for _, c := range b.clips() {
				if c.Path == "front/one.mp4" && (c.ID != before[c.Path] || !c.Pinned) {
					t.Errorf("it was clip %s, pinned, and is %+v", before[c.Path], c)
				}
			}
			if gone := disk.gone(); len(gone) > 0 {
				t.Errorf("deleted: %q", gone)
			}
		})
	}
}

// Small files of the state folder that cannot be written: what was asked is refused and not half done.
func TestPinsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	b, disk := faultyBox(t, `age = "365d"`, "-broker", "none")
	b.start()
	record(t, b.recordings("front", "one.mp4"))
	b.waitClips(1)
	pin := func() int {
		return b.as(b.token(), http.MethodPut, "/api/v1/clips/"+b.paths()["front/one.mp4"]+"/pin")
	}
	disk.fail("fsync", "state/pins.tmp", syscall.EIO)
	if status := pin(); status < 500 || b.clips()[0].Pinned {
		t.Errorf("a pin that cannot be kept answers %d; pinned: %v", status, b.clips()[0].Pinned)
	}
	disk.heal()
	if status := pin(); status >= 300 || !b.clips()[0].Pinned {
		t.Errorf("with the disk in order a pin answers %d; pinned: %v", status, b.clips()[0].Pinned)
	}
}
