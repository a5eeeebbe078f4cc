package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"clipd/device/clock"
	"clipd/device/root"
	"clipd/store"
)

const childVariable = "CLIPD_PUSH_TEST_CHILD"

// serveChild is a process of its own that pushes one sparse clip and says by how much its memory grew: "folder size url".
func serveChild() (ran bool, code int) {
	args := strings.Fields(os.Getenv(childVariable))
	if len(args) != 3 {
		return false, 0
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	if err == nil {
		err = pushOne(args[0], size, args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return true, 1
	}
	return true, 0
}

func pushOne(dir string, size int64, url string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := Config{State: filepath.Join(dir, "state"), Clock: clock.System(), Location: time.UTC, Log: slog.New(slog.DiscardHandler), Targets: map[string]Target{"nas": {URL: url}}}
	s, _, err := store.Open(ctx, store.Options{Dir: c.State})
	if err != nil {
		return err
	}
	c.Store, c.Root = s, root.New(filepath.Join(dir, "recordings"), s, c.Log)
	c.Root.Look(ctx)
	path := filepath.Join(c.Root.Dir(), "a.mp4")
	if err := errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, size), os.Chtimes(path, epoch, epoch)); err != nil {
		return err
	}
	p, err := New(c)
	if err != nil {
		return err
	}
	clip := store.Clip{ID: store.MakeID("a.mp4", size, epoch), Path: "a.mp4", Camera: "x", Size: size, Mtime: epoch, Start: epoch}
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	if err := s.Apply(ctx, store.Add(clip, store.Live)); err != nil {
		return err
	}
	before := peak()
	err = p.Push(ctx, clip.ID, "nas")
	for done := false; err == nil && !done; {
		changed := s.Changed()
		if waiting, dead := s.PushCounts(); dead > 0 {
			err = errors.New("it died")
		} else if done = waiting == 0; !done {
			<-changed
		}
	}
	fmt.Printf("grew %d KiB\n", peak()-before)
	cancel()
	return errors.Join(err, <-ended, s.Close())
}

// peak is VmHWM in KiB.
func peak() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := bytes.Cut(status, []byte("VmHWM:"))
	line, _, _ := bytes.Cut(after, []byte("kB"))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(line)), 10, 64)
	return n
}

// sink counts what is PUT into it.
func sink(t testing.TB, got *int64) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 0 && len(r.TransferEncoding) == 0 && r.Header.Get("Expect") == "" {
			*got, _ = io.Copy(io.Discard, r.Body)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/in/{name}"
}

var sendfileCall = regexp.MustCompile(`(?m)sendfile(?:64)?\(.*= (\d+)$`)

// TestSendfile counts: all of the file but what fits beside the header goes by sendfile(2).
func TestSendfile(t *testing.T) {
	strace := needs(t, "strace", "strace")
	const size = 64 << 20
	var got int64
	url := sink(t, &got)
	out := filepath.Join(t.TempDir(), "strace")
	cmd := exec.Command(strace, "-f", "-qq", "-e", "trace=sendfile,sendfile64", "-e", "signal=none", "-o", out, os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s", childVariable, t.TempDir(), size, url))
	if said, err := cmd.CombinedOutput(); err != nil {
		if bytes.Contains(said, []byte("ptrace")) {
			if os.Getenv("CI") != "" {
				t.Fatal("strace cannot trace here: ptrace(2) is not allowed")
			}
			t.Skip("strace cannot trace here: ptrace(2) is not allowed")
		}
		t.Fatalf("%v: %s", err, said)
	}
	calls, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var sent int64
	for _, m := range sendfileCall.FindAllSubmatch(joined(calls), -1) {
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		sent += n
	}
	if got != size || sent < size-8192 {
		t.Fatalf("%d of %d bytes arrived, %d by sendfile", got, size, sent)
	}
}

// joined makes "<unfinished ...>" and "resumed" lines of strace count once.
func joined(calls []byte) []byte {
	return bytes.ReplaceAll(calls, []byte("<... sendfile resumed>"), []byte("sendfile("))
}

// TestMemory pushes 1 GiB in a process of its own.
func TestMemory(t *testing.T) {
	const size = 1 << 30
	var got int64
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s", childVariable, t.TempDir(), size, sink(t, &got)))
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var grew int64
	if _, err := fmt.Sscanf(string(said), "grew %d KiB", &grew); err != nil || got != size {
		t.Fatalf("%s: %d bytes arrived", said, got)
	}
	t.Logf("pushing 1 GiB costs %d KiB", grew)
	if grew > 4096 && !racing {
		t.Errorf("pushing 1 GiB costs %d KiB of memory", grew)
	}
}
