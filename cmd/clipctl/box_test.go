package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// longest is how long a test waits for what takes milliseconds on a machine with nothing else to do.
const longest = time.Minute

// realBox is a clipd that runs in a folder laid out like a checkout after make build and make run: bin, build, var.
type realBox struct {
	dir, url, token string
	mqtt            string // port of its embedded broker
}

// programs is a folder with clipd and clipctl as they are now, built once.
func programs(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		for _, program := range []string{"clipd", "clipctl"} {
			build := exec.Command("go", "build", "-o", filepath.Join(scratch, "bin", program), "clipd/cmd/"+program)
			if out, err := build.CombinedOutput(); err != nil {
				built.err = fmt.Errorf("building %s: %w\n%s", program, err, out)
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(scratch, "bin")
}

var (
	scratch string // for all tests of this package
	built   struct {
		once sync.Once
		err  error
	}
)

// TestMain keeps what clipctl remembers of people's folders out of this machine's home.
func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "clipctl-test-"); err != nil {
		panic(err)
	}
	for _, name := range []string{"XDG_STATE_HOME", "XDG_CONFIG_HOME"} {
		os.Setenv(name, filepath.Join(scratch, name))
	}
	firstPause, longestPause = 5*time.Millisecond, 100*time.Millisecond
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// startBox starts the real clipd and ends it with the test.
func startBox(t *testing.T) realBox {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the real clipd")
	}
	b := realBox{dir: t.TempDir(), mqtt: freePort(t)}
	if err := os.Symlink(programs(t), filepath.Join(b.dir, "bin")); err != nil {
		t.Fatal(err)
	}
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(repo, "build"), filepath.Join(b.dir, "build")); err != nil {
		t.Fatal(err)
	}
	listen := "127.0.0.1:" + freePort(t)
	b.url = "http://" + listen
	write(t, filepath.Join(b.dir, "test.toml"), fmt.Appendf(nil, "[mqtt]\nembedded_listen = \"127.0.0.1:%s\"\n", b.mqtt))
	b.run(t, exec.Command("bin/clipd", "-config", "test.toml", "-dir", "var", "-listen", listen))
	secret, err := os.ReadFile(filepath.Join(b.dir, "var/state/admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	b.token = strings.TrimSpace(string(secret))
	return b
}

// run starts clipd and waits for READY=1, as systemd does (sd_notify(3)).
func (b *realBox) run(t *testing.T, clipd *exec.Cmd) {
	t.Helper()
	socket := filepath.Join(b.dir, "n")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var log strings.Builder
	clipd.Dir, clipd.Env, clipd.Stderr = b.dir, append(os.Environ(), "NOTIFY_SOCKET="+socket), &log
	if err := clipd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = clipd.Process.Signal(syscall.SIGTERM)
		if err := clipd.Wait(); err != nil || t.Failed() {
			t.Errorf("clipd ended with %v:\n%s", err, log.String())
		}
	})
	if err := l.SetReadDeadline(time.Now().Add(longest)); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 4096); ; {
		n, err := l.Read(buf)
		if err != nil {
			t.Fatalf("clipd is not ready: %v", err)
		}
		if strings.Contains(string(buf[:n]), "READY=1") {
			return
		}
	}
}

// record moves a finished recording to path, as recorders do, and waits until the box lists it.
func (b *realBox) record(t *testing.T, path string, body []byte) {
	t.Helper()
	file := filepath.Join(b.dir, "var/recordings", path)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, file+".part", body)
	if err := os.Rename(file+".part", file); err != nil {
		t.Fatal(err)
	}
	b.listed(t, path)
}

// listed follows the journal (server-sent events) until it says that the file at path became a clip.
func (b *realBox) listed(t *testing.T, path string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/api/v1/events?after=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := (&http.Client{Timeout: longest}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"clip_added"`) && strings.Contains(lines.Text(), `"path":"`+path+`"`) {
			return
		}
	}
	t.Fatalf("%s was not listed: status %d, %v", path, resp.StatusCode, lines.Err())
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
