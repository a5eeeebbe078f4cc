package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// shortQueue makes the kernel's queue of inotify events as long as n until the call of back. The tests of device/watch use
// the same lock.
func shortQueue(t *testing.T, n int) (back func()) {
	t.Helper()
	const sysctl = "/proc/sys/fs/inotify/max_queued_events"
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "clipd-watch-test.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	must(t, err)
	must(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	old, err := os.ReadFile(sysctl)
	must(t, err)
	if err := os.WriteFile(sysctl, fmt.Append(nil, n), 0); err != nil {
		lock.Close()
		lacking(t, "it takes root to set the length of the queue: %v", err)
	}
	return func() {
		must(t, os.WriteFile(sysctl, old, 0))
		lock.Close()
	}
}

// hasQueue reports whether the box has opened inotify.
func (b *box) hasQueue() bool {
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", b.cmd.Process.Pid))
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.Contains(to, "inotify") {
			return true
		}
	}
	return false
}

// manyFolders makes folders with five recordings each, as fast as it goes.
func (b *box) manyFolders(sample string, folders int) {
	b.t.Helper()
	first := filepath.Join(b.recordings(), "first.mp4")
	copyFile(b.t, sample, first)
	for i := range folders {
		dir := b.recordings(fmt.Sprintf("cam%d", i%7), fmt.Sprintf("day%d", i%50), fmt.Sprintf("%05d", i))
		must(b.t, os.MkdirAll(dir, 0o755))
		for j := range 5 {
			must(b.t, os.Link(first, filepath.Join(dir, fmt.Sprintf("%d.mp4", j))))
		}
	}
}

// With a queue of 16 events, which overflows all the time, the catalogue is in the end what find(1) finds.
func TestQueueOverflows(t *testing.T) {
	t.Parallel()
	b := newBox(t, "-broker", "none", "-config", write(t, "clipd.toml", "hash = \"none\"\n[poster]\ncommand = [\"none\"]\n"))
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	back := shortQueue(t, 16)
	b.launch()
	b.within("it has its queue", b.hasQueue)
	back()
	b.ready()
	b.manyFolders(sample, 200)
	b.log("scan begins\" reason=\"the kernel's event queue overflowed")
	b.waitSame()
	copyFile(t, sample, b.recordings("cam1", "day1", "00001", "later.mp4"))
	b.waitListed("cam1/day1/00001/later.mp4") // all folders are watched
}

// With fewer watches than folders the box says what to do, and finds recordings by looking once a minute.
func TestWatchesRunOut(t *testing.T) {
	t.Parallel()
	need(t, "unshare")
	b := newBox(t)
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	must(t, os.MkdirAll(b.recordings(), 0o755))
	b.manyFolders(sample, 20)
	// The limit is counted for each user namespace, user_namespaces(7).
	cmd := exec.Command("unshare", "--user", "--map-root-user", "sh", "-c", `echo 12 >/proc/sys/user/max_inotify_watches && exec "$0" "$@"`,
		binary, "-dir", b.dir, "-listen", "127.0.0.1:0", "-broker", "none")
	if out, err := exec.Command("unshare", "--user", "--map-root-user", "true").CombinedOutput(); err != nil {
		lacking(t, "it takes a user namespace: %v: %s", err, out)
	}
	b.run(cmd)
	b.ready()
	b.within("the status says what to do", func() bool {
		return strings.Contains(b.problem("no inotify watches left"), "sysctl -w fs.inotify.max_user_watches=")
	})
	b.noted("no inotify watches left")
	b.waitSame()
	deep := b.recordings("cam1", "day15", "00015", "later.mp4")
	copyFile(t, sample, deep)
	b.waitRetried(102)
	b.waitSame()
}
