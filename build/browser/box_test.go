package browser

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
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

// box is one running clipd in folders of its own.
type box struct {
	t     *testing.T
	clipd string // the program; "" is binary
	dir   string
	addr  string // what it listens on; the same after a restart
	url   string
	cmd   *exec.Cmd
	said  *said
	ended chan error
	admin string // the first token
}

// newBox starts a box on a free port, which has recordings of an hour ago at the paths named.
func newBox(t *testing.T, old ...string) *box {
	t.Helper()
	b := &box{t: t, dir: t.TempDir(), addr: "127.0.0.1:0"}
	t.Cleanup(b.stop)
	for i, path := range old {
		b.record(path, time.Now().Add(-time.Hour+time.Duration(i)*time.Minute))
	}
	b.start()
	b.listed(len(old))
	return b
}

// start starts it, and returns when it is ready.
func (b *box) start() {
	b.t.Helper()
	b.said = &said{ready: make(chan string, 1)}
	b.cmd = exec.Command(cmp.Or(b.clipd, binary), "-dir", b.dir, "-listen", b.addr, "-broker", "none")
	b.cmd.Stderr = b.said
	b.must(b.cmd.Start())
	cmd, ended := b.cmd, make(chan error, 1)
	b.ended = ended
	go func() { ended <- cmd.Wait() }()
	select {
	case b.url = <-b.said.ready:
	case err := <-ended:
		b.t.Fatalf("clipd ended: %v\n%s", err, b.said.text())
	case <-time.After(*patience):
		b.t.Fatalf("clipd is not ready:\n%s", b.said.text())
	}
	b.addr = strings.TrimPrefix(b.url, "http://")
	token, err := os.ReadFile(filepath.Join(b.dir, "state", "admin-token"))
	b.must(err)
	b.admin = strings.TrimSpace(string(token))
}

// stop ends it and waits for that.
func (b *box) stop() {
	if b.cmd == nil {
		return
	}
	b.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.ended:
	case <-time.After(*patience):
		b.cmd.Process.Signal(syscall.SIGQUIT) // which tells where it is
		<-b.ended
		b.t.Error("clipd did not stop:\n" + b.said.text())
	}
	b.cmd = nil
	if b.t.Failed() {
		b.t.Log("clipd said:\n" + b.said.text())
	}
}

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// said is what clipd logs; its address is in the line that says ready.
type said struct {
	mu    sync.Mutex
	all   bytes.Buffer
	ready chan string
	told  bool
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Write(p)
	if _, after, ok := strings.Cut(s.all.String(), "msg=ready url="); ok && !s.told && strings.Contains(after, " ") {
		url, _, _ := strings.Cut(after, " ")
		s.told = true
		s.ready <- url
	}
	return len(p), nil
}

func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// ask does a request with a token and reads the answer into v, if v is not nil. It returns the status.
func (b *box) ask(token, method, path, body string, v any) int {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	b.must(err)
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	b.must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	b.must(err)
	if v != nil {
		if err := json.Unmarshal(text, v); err != nil {
			b.t.Fatalf("%s %s answers %d %q: %v", method, path, res.StatusCode, text, err)
		}
	}
	return res.StatusCode
}

// read is what a path answers an admin with.
func (b *box) read(path string) string {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "GET", b.url+path, nil)
	b.must(err)
	req.Header.Set("Authorization", "Bearer "+b.admin)
	res, err := http.DefaultClient.Do(req)
	b.must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	b.must(err)
	return string(text)
}

// token makes a token of that role; the first admin's is at hand.
func (b *box) token(role string) string {
	b.t.Helper()
	if role == "admin" {
		return b.admin
	}
	var made struct {
		Token string `json:"token"`
	}
	if got := b.ask(b.admin, "POST", "/api/v1/tokens", fmt.Sprintf(`{"name":%q,"role":%q}`, role, role), &made); got != 200 && got != 201 {
		b.t.Fatalf("making a token answers %d", got)
	}
	return made.Token
}

// A clip is what the tests need of one.
type clip struct {
	ID      string    `json:"id"`
	Path    string    `json:"path"`
	Camera  string    `json:"camera"`
	Start   time.Time `json:"start"`
	Pinned  bool      `json:"pinned"`
	URLPath string    `json:"url_path"`
}

// clips lists what the box has, newest first.
func (b *box) clips() []clip {
	b.t.Helper()
	var page struct {
		Clips []clip `json:"clips"`
	}
	if got := b.ask(b.admin, "GET", "/api/v1/clips?limit=1000", "", &page); got != 200 {
		b.t.Fatalf("listing answers %d", got)
	}
	return page.Clips
}

// record puts a copy of the sample at path beneath the recordings folder as a recorder does, written at that time.
func (b *box) record(path string, at time.Time) {
	b.t.Helper()
	data, err := os.ReadFile(sample)
	b.must(err)
	to := filepath.Join(b.dir, "recordings", path)
	b.must(os.MkdirAll(filepath.Dir(to), 0o755))
	temp := filepath.Join(b.t.TempDir(), "recording")
	b.must(os.WriteFile(temp, data, 0o644))
	b.must(os.Chtimes(temp, at, at))
	b.must(os.Rename(temp, to))
}

// listed waits until the box has n clips, and returns them.
func (b *box) listed(n int) []clip {
	b.t.Helper()
	deadline := time.Now().Add(*patience)
	for {
		if clips := b.clips(); len(clips) == n {
			return clips
		} else if time.Now().After(deadline) {
			b.t.Fatalf("%d clips are listed, not %d", len(clips), n)
		}
	}
}
