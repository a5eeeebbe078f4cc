package watch

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The system's limits are counted for each user namespace, user_namespaces(7) and inotify(7), so that a test may lower them
// in one of its own: this test runs its inner ones there.
func TestExhausted(t *testing.T) {
	for _, inner := range []string{"TestInnerWatches", "TestInnerInstances"} {
		t.Run(inner, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+inner+"$", "-test.v")
			cmd.Env = append(os.Environ(), "WATCH_TEST_INNER=1")
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			}
			out, err := cmd.CombinedOutput()
			switch passed := strings.Contains(string(out), "--- PASS: "+inner); {
			case err != nil && len(out) == 0 && os.Getenv("CI") == "":
				t.Skipf("needs a user namespace: %v", err)
			case err != nil || !passed:
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func limit(t *testing.T, what string, n int) {
	t.Helper()
	must(t, os.WriteFile("/proc/sys/user/max_inotify_"+what, fmt.Append(nil, n), 0))
}

func onlyInner(t *testing.T) {
	t.Helper()
	if os.Getenv("WATCH_TEST_INNER") == "" {
		t.Skip("part of TestExhausted")
	}
}

// pollingOften is a Watcher that does not let a test wait for a minute.
func pollingOften(t *testing.T, dir string) *running {
	t.Helper()
	w, err := New(dir, quiet)
	must(t, err)
	w.poll = 50 * time.Millisecond
	return startWith(t, w)
}

func isReconcile(e Event) bool { return e.Op == Reconcile }

func TestInnerWatches(t *testing.T) {
	onlyInner(t)
	dir := t.TempDir()
	for i := range 20 {
		must(t, os.Mkdir(fmt.Sprintf("%s/%02d", dir, i), 0o755))
	}
	limit(t, "watches", 8)
	r := pollingOften(t, dir)
	for _, word := range []string{"no inotify watches left", "sysctl -w fs.inotify.max_user_watches=", dir} {
		if !strings.Contains(r.Problem(), word) {
			t.Errorf("Problem %q does not say %q", r.Problem(), word)
		}
	}
	// The root is watched, and polling goes on.
	write(t, filepath.Join(dir, "a.mp4"), "x")
	r.until(func(e Event) bool { return e == Event{Op: Closed, Path: "a.mp4"} })
	r.until(isReconcile)
	r.until(isReconcile)
	// Files that come with a folder that cannot be watched are told all the same.
	must(t, os.MkdirAll(filepath.Join(r.dir, ".new/deep"), 0o755))
	write(t, filepath.Join(dir, ".new/deep/b.mp4"), "x")
	must(t, os.Rename(filepath.Join(dir, ".new"), filepath.Join(dir, "new")))
	r.until(func(e Event) bool { return e == Event{Op: Closed, Path: "new/deep/b.mp4"} })

	limit(t, "watches", 1000)
	for r.Problem() != "" {
		r.until(isReconcile)
	}
	for i := range 20 {
		path := fmt.Sprintf("%02d/c.mp4", i)
		write(t, filepath.Join(dir, path), "x")
		r.until(func(e Event) bool { return e == Event{Op: Closed, Path: path} })
	}
}

func TestInnerInstances(t *testing.T) {
	onlyInner(t)
	limit(t, "instances", 0)
	r := pollingOften(t, t.TempDir())
	for _, word := range []string{"no inotify instance left", "sysctl -w fs.inotify.max_user_instances=", "restart clipd"} {
		if !strings.Contains(r.Problem(), word) {
			t.Errorf("Problem %q does not say %q", r.Problem(), word)
		}
	}
	r.until(isReconcile)
	must(t, os.Remove(r.dir))
	r.endsWith(ErrGone)
}

func TestPeriodicReconcile(t *testing.T) {
	w, err := New(t.TempDir(), quiet)
	must(t, err)
	w.every = 50 * time.Millisecond
	r := startWith(t, w)
	for range 3 {
		if e := r.next(); e != (Event{Op: Reconcile, Reason: "periodic"}) {
			t.Fatalf("told %+v", e)
		}
	}
	if r.Problem() != "" {
		t.Errorf("Problem %q", r.Problem())
	}
}

// A folder that may not be read is a stated problem until it may be; then its files are told.
func TestUnreadableFolder(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read everything; run as another user in TestUnreadableFolderAsNobody")
	}
	unreadable(t)
}

func TestUnreadableFolderAsNobody(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root to become nobody")
		}
		t.Skip("needs root to become nobody")
	}
	exe := filepath.Join("/tmp", fmt.Sprintf("clipd-watch-%d.test", os.Getpid()))
	text, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(exe, text, 0o755))
	defer os.Remove(exe)
	cmd := exec.CommandContext(context.Background(), exe, "-test.run=^TestUnreadableFolder$", "-test.v")
	cmd.Dir = "/tmp"
	cmd.Env = []string{"TMPDIR=/tmp"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestUnreadableFolder ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func unreadable(t *testing.T) {
	dir := t.TempDir()
	closed := filepath.Join(dir, "closed")
	must(t, os.Mkdir(closed, 0o755))
	write(t, filepath.Join(closed, "a.mp4"), "x")
	must(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0))
	must(t, os.Chmod(closed, 0))
	r := start(t, dir)
	if !strings.Contains(r.Problem(), closed+" may not be read") {
		t.Errorf("Problem %q", r.Problem())
	}
	must(t, os.Chmod(closed, 0o755))
	if e := r.next(); e != (Event{Op: Closed, Path: "closed/a.mp4"}) {
		t.Errorf("told %+v", e)
	}
	r.until(isReconcile)
	if r.Problem() != "" {
		t.Errorf("Problem %q", r.Problem())
	}
}
