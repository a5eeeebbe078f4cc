package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// mount puts a disk of its own at dir and returns the way to pull it out.
func mount(t *testing.T, dir, name string) (pull func()) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	if err := syscall.Mount(name, dir, "tmpfs", 0, "size=64m"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("mount: %v", err)
		}
		t.Skipf("mounting takes root: %v", err)
	}
	pulled := false
	pull = func() {
		if !pulled {
			pulled = true
			must(t, syscall.Unmount(dir, syscall.MNT_DETACH))
		}
	}
	t.Cleanup(pull)
	return pull
}

// A disk that goes is a stated problem while HTTP stays up; nothing is forgotten, and nothing is written to the folder
// that was under it.
func TestDiskVanishes(t *testing.T) {
	t.Parallel()
	b := newBox(t, "-broker", "none")
	pull := mount(t, b.recordings(), "first")
	b.start()
	record(t, b.recordings("front", "one.mp4"))
	b.waitClips(1)
	link := b.link(b.paths()["front/one.mp4"])
	pull()
	b.log("msg=problem part=storage")
	if s := b.status(); s.StorageProblem == "" || s.Clips != 1 {
		t.Errorf("with the disk away the status says %+v", s)
	}
	if status, _ := fetch(t, link); status != 503 {
		t.Errorf("its clip answers %d, want 503", status)
	}
	mount(t, b.recordings(), "second")
	if left, _ := os.ReadDir(b.recordings()); len(left) != 0 {
		t.Errorf("something was written to a foreign disk: %v", left)
	}
	b.within("the status says what to do with a foreign disk", func() bool {
		s := b.status()
		return strings.Contains(s.StorageProblem, "adopt") && s.Clips == 1
	})
	res := b.do(t.Context(), "POST", "/api/v1/root/adopt")
	res.Body.Close()
	if res.StatusCode >= 300 {
		t.Fatalf("adopt answers %s", res.Status)
	}
	b.log(`msg="problem is over" part=storage`)
	record(t, b.recordings("front", "two.mp4"))
	b.follow(func(e event) bool { return e.Path == "front/two.mp4" })
}

func TestDiskComesBack(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	states, events := m.subscribe("clipd/+/state"), m.subscribe("clipd/+/event")
	b := newBox(t, "-broker", m.url())
	mount(t, b.recordings(), "disk")
	b.start()
	record(t, b.recordings("front", "one.mp4"))
	b.waitClips(1)
	before := b.paths()
	elsewhere := t.TempDir()
	must(t, syscall.Mount(b.recordings(), elsewhere, "", syscall.MS_MOVE, ""))
	b.log("msg=problem part=storage")
	b.noted("mount the right disk")
	states.next(says(`"storage_problem":"/`))
	events.next(func(m message) bool { return m.event().EventType == "storage_problem" })
	must(t, syscall.Mount(elsewhere, b.recordings(), "", syscall.MS_MOVE, ""))
	b.log(`msg="problem is over" part=storage`)
	events.next(func(m message) bool { return m.event().EventType == "storage_ok" })
	states.next(says(`"storage_problem":""`))
	record(t, b.recordings("front", "two.mp4"))
	b.waitClips(2)
	if after := b.paths(); after["front/one.mp4"] != before["front/one.mp4"] {
		t.Errorf("before %v, after %v", before, after)
	}
}

func TestRootThatIsNotThere(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"missing":      os.RemoveAll,
		"not a folder": func(dir string) error { return os.WriteFile(dir, nil, 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBox(t, "-broker", "none")
			record(t, b.recordings("front", "one.mp4"))
			b.waitClips(1)
			must(t, b.stop())
			must(t, os.Rename(b.recordings(), filepath.Join(b.dir, "kept")))
			must(t, spoil(b.recordings()))
			b.start()
			b.log("msg=problem part=storage")
			if s := b.status(); s.StorageProblem == "" || s.Clips != 1 {
				t.Errorf("the status says %+v", s)
			}
			must(t, os.RemoveAll(b.recordings()))
			must(t, os.Rename(filepath.Join(b.dir, "kept"), b.recordings()))
			b.log(`msg="problem is over" part=storage`)
			if s := b.status(); s.StorageProblem != "" || s.Clips != 1 {
				t.Errorf("with the folder back the status says %+v", s)
			}
		})
	}
}

func TestReadOnlyRoot(t *testing.T) {
	t.Parallel()
	b := newBox(t, "-broker", "none")
	mount(t, b.recordings(), "disk")
	b.start()
	record(t, b.recordings("front", "one.mp4"))
	b.waitClips(1)
	must(t, b.stop())
	must(t, syscall.Mount("", b.recordings(), "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	b.start()
	id := b.paths()["front/one.mp4"]
	if status, _ := fetch(t, b.link(id)); status != 200 {
		t.Errorf("a clip on a read-only disk answers %d", status)
	}
	res := b.do(t.Context(), "DELETE", "/api/v1/clips/"+id)
	res.Body.Close()
	if res.StatusCode != 503 {
		t.Errorf("deleting from a read-only disk answers %s", res.Status)
	}
	b.within("the status says it", func() bool { return b.problem("read-only") != "" })
}

// On a disk that cannot be written no rule deletes anything, and says so; when it can be, the rule is kept again.
func TestRetentionOnAReadOnlyRoot(t *testing.T) {
	t.Parallel()
	b := keeping(t, `size = "100kB"`)
	mount(t, b.recordings(), "disk")
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	data, err := os.ReadFile(sample)
	must(t, err)
	for i := range 6 {
		b.aged(data, fmt.Sprintf("front/%d.mp4", i), i)
	}
	args := b.args
	b.args = args[:2] // without a rule
	b.start()
	b.waitClips(6)
	must(t, b.stop())
	must(t, syscall.Mount("", b.recordings(), "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	b.args = args
	b.start()
	b.log("scan ended")
	b.within("it says why nothing is deleted", func() bool { return strings.Contains(b.retention().Off, "read-only") })
	if n := len(b.clips()); n != 6 || len(b.removals()) > 0 {
		t.Errorf("%d clips are left, %d were removed", n, len(b.removals()))
	}
	must(t, syscall.Mount("", b.recordings(), "", syscall.MS_REMOUNT, ""))
	b.within("the rule is kept", func() bool { return b.status().BytesUsed <= 100_000 })
	b.waitSame()
	if paths := b.paths(); paths["front/5.mp4"] == "" || paths["front/0.mp4"] != "" {
		t.Errorf("what is left: %v", paths)
	}
}
