package sendfile

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server with an engine below it, on loopback.
type rig struct {
	*Engine
	srv  *http.Server
	addr string
}

// start runs handler behind an engine until the test ends.
func start(t testing.TB, cfg Config, handler func(*Engine) http.Handler) *rig {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := e.Listener(tcp)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Engine: e, srv: &http.Server{Handler: handler(e), ReadHeaderTimeout: 10 * time.Second}, addr: ln.Addr().String()}
	e.Attach(r.srv)
	ctx, cancel := context.WithCancel(context.Background())
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	go func() { served <- r.srv.Serve(ln) }()
	t.Cleanup(func() {
		r.srv.Close()
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
		<-served
	})
	return r
}

// random writes a file of n bytes and returns its path and what is in it.
func random(t testing.TB, n int) (string, []byte) {
	t.Helper()
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	path := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, b
}

// fileHandler serves the file at path to every request.
func fileHandler(t testing.TB, path string, onEnd func(Result)) func(*Engine) http.Handler {
	return func(e *Engine) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f, err := os.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			st, err := f.Stat()
			if err != nil {
				t.Error(err)
			}
			e.ServeFile(w, r, "clip.mp4", st.ModTime(), f, onEnd)
		})
	}
}

func TestServesAFile(t *testing.T) {
	path, want := random(t, 3<<20)
	r := start(t, Config{}, fileHandler(t, path, nil))
	c := dial(t, r.addr)
	br := bufio.NewReader(c)
	for range 20 {
		io.WriteString(c, getClip)
		if got, err := readAnswer(br, "GET"); err != nil || !bytes.Equal(got.body, want) {
			t.Fatalf("%v, got %d bytes that differ, want %d", err, len(got.body), len(want))
		}
	}
	until(t, r.Engine, "the last transfer has ended", func(st Stats) bool { return st.Ended[Done] == 20 })
	if st := r.Stats(); st.Accepted != 1 || st.Bytes != 20*3<<20 {
		t.Errorf("stats = %+v, want one connection, 20 transfers", st)
	}
}
