package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/device/update"
)

// Seconds at which the versions of these tests were built.
const (
	builtPackaged = 1000
	builtNew      = 2000
	builtNewer    = 3000
)

// image is a box as the card image runs it: the launcher is started again whenever what it became ends, as systemd does.
type image struct {
	*box
	key      ed25519.PrivateKey
	launcher string
	ctl      string

	mu      sync.Mutex
	within  time.Duration // of the launcher
	env     []string
	now     *exec.Cmd
	starts  int
	stopped bool
	ended   chan struct{}
}

func newImage(t *testing.T, args ...string) *image {
	t.Helper()
	dir := t.TempDir()
	public, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	m := &image{key: key, within: time.Minute, ended: make(chan struct{})}
	must(t, os.WriteFile(filepath.Join(dir, "update.pub"), []byte(base64.StdEncoding.EncodeToString(public)+"\n"), 0o600))
	m.launcher, m.ctl = companions(t)
	listen := fmt.Sprintf("127.0.0.1:%d", steadyPort(t))
	m.box = &box{t: t, dir: dir, args: append([]string{"-dir", dir, "-listen", listen}, args...), lines: newLines(), url: "http://" + listen}
	t.Cleanup(m.off)
	return m
}

// building is held while programs are built beside binary, once.
var building sync.Mutex

// companions are the launcher, which takes binary for version 1.0, and clipctl.
func companions(t *testing.T) (launcher, ctl string) {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	dir := filepath.Dir(binary)
	launcher, ctl = filepath.Join(dir, "clipd-launch"), filepath.Join(dir, "clipctl")
	if _, err := os.Stat(ctl); err != nil {
		goBuild(t, launcher, "-X main.version=1.0 -X main.built="+strconv.Itoa(builtPackaged), "../clipd-launch")
		goBuild(t, ctl, "", "../clipctl")
	}
	return launcher, ctl
}

func goBuild(t *testing.T, out, ldflags, pkg string) {
	t.Helper()
	cmd := exec.Command("go", "build", raceFlag, "-ldflags", ldflags, "-o", out, pkg)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, said)
	}
}

// steadyPort is a port that is free also between two starts: the kernel gives none of these to anybody by itself
// (ip(7), ip_local_port_range).
func steadyPort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := 20000 + rand.N(10000)
		if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			ln.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// on starts the box and keeps it running until off.
func (m *image) on() {
	m.t.Helper()
	m.mu.Lock()
	first := m.command()
	m.now = first
	m.mu.Unlock()
	must(m.t, first.Start())
	go func() {
		defer close(m.ended)
		for cmd := first; cmd != nil; cmd = m.again() {
			_ = cmd.Wait() // however it ended, it starts again
		}
	}()
	m.log("msg=ready ")
}

// log waits for a line that holds text and that nobody waited for before, of whichever process.
func (m *image) log(text string) string {
	m.t.Helper()
	line, err := m.lines.wait(text)
	if err != nil {
		m.t.Fatalf("the log never said %q (%v):\n%s", text, err, m.lines.all())
	}
	return line
}

// command is the launcher as it is started next. What it says goes through a pipe that nobody waits for: a watcher may
// hold its other end a little longer.
func (m *image) command() *exec.Cmd {
	args := []string{"-versions", filepath.Join(m.dir, "versions"), "-key", filepath.Join(m.dir, "update.pub"), "-packaged", binary, "-within", m.within.String(), "--"}
	cmd := exec.Command(m.launcher, append(args, m.args...)...)
	cmd.Stderr = m.lines
	cmd.WaitDelay = time.Minute
	cmd.Env = append(cmd.Environ(), m.env...)
	return cmd
}

// again starts the launcher after what it became ended; nil once the box is off.
func (m *image) again() *exec.Cmd {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped || m.starts > 100 {
		return nil // what would start for ever, the test's next request tells of
	}
	m.now = m.command()
	m.starts++
	m.lines.skip()
	fmt.Fprintf(m.lines, "-- start %d\n", m.starts)
	if m.now.Start() != nil {
		return nil // the test's next request says so
	}
	return m.now
}

// cut kills what runs now and returns when what starts after it is ready.
func (m *image) cut() {
	m.t.Helper()
	m.mu.Lock()
	next := m.starts + 1
	_ = m.now.Process.Kill() // it may just have ended by itself
	m.mu.Unlock()
	m.log(fmt.Sprintf("-- start %d", next))
	m.log("msg=ready ")
}

// give sets how long a version on trial has, from the next start on.
func (m *image) give(within time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.within = within
}

// notified collects what systemd would be told.
func (m *image) notified() *lines {
	m.t.Helper()
	socket := filepath.Join(m.dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(m.t, err)
	m.t.Cleanup(func() { conn.Close() })
	m.env = []string{"NOTIFY_SOCKET=" + socket}
	told := newLines()
	go func() {
		for buf := make([]byte, 4096); ; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			fmt.Fprintf(told, "%s\n", buf[:n])
		}
	}()
	return told
}

func (m *image) started() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.starts
}

// off ends it for good.
func (m *image) off() {
	m.mu.Lock()
	m.stopped = true
	last := m.now // nothing starts after it
	m.mu.Unlock()
	if last == nil {
		return
	}
	_ = last.Process.Signal(syscall.SIGTERM) // it may just have ended by itself
	select {
	case <-m.ended:
	case <-time.After(patience):
		_ = last.Process.Kill()
		<-m.ended
	}
}

// bundle makes a bundle of program, signed with the image's key, and returns its path.
func (m *image) bundle(version, program string, built int64) string {
	return m.bundleFor(version, debianArch(), program, built, m.key)
}

func (m *image) bundleFor(version, arch, program string, built int64, key ed25519.PrivateKey) string {
	m.t.Helper()
	var out bytes.Buffer
	manifest := update.Manifest{Version: version, Arch: arch, Built: built, Files: []update.File{{Name: "clipd"}}}
	must(m.t, update.Write(&out, manifest, key, func(string) (io.ReadCloser, error) { return os.Open(program) }))
	path := filepath.Join(m.t.TempDir(), version+".update")
	must(m.t, os.WriteFile(path, out.Bytes(), 0o600))
	return path
}

// debianArch is how Debian names the machine that runs the tests.
func debianArch() string {
	if runtime.GOARCH == "386" {
		return "i386"
	}
	return runtime.GOARCH
}

// update runs clipctl update and returns its exit code and all it said.
func (m *image) update(args ...string) (int, string) {
	m.t.Helper()
	cmd := m.updating(args...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		m.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// updating is clipctl update, not started.
func (m *image) updating(args ...string) *exec.Cmd {
	m.t.Helper()
	cmd := exec.Command(m.ctl, append([]string{"update", "--url", m.url}, args...)...)
	cmd.Env = append(cmd.Environ(), "CLIPCTL_TOKEN="+m.token())
	return cmd
}

func (m *image) versions() api.UpdateStatus {
	m.t.Helper()
	var s api.Status
	m.get("/api/v1/status", &s)
	if s.Update == nil {
		m.t.Fatal("the status knows no versions")
	}
	return *s.Update
}

// chosen is the choice as it is on the disk.
func (m *image) chosen() (c struct {
	Chosen string
	Trial  bool
}) {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, "versions", "choice"))
	if err == nil {
		must(m.t, json.Unmarshal(text, &c))
	}
	return c
}
