package sendfile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const getClip = "GET /clip HTTP/1.1\r\nHost: box\r\n\r\n"

// results collects what becomes of transfers.
type results chan Result

func newResults() results        { return make(results, 1000) }
func (r results) add(res Result) { r <- res }
func (r results) next(t testing.TB) Result {
	t.Helper()
	select {
	case res := <-r:
		return res
	case <-time.After(30 * time.Second):
		t.Fatal("no transfer has ended in 30 s")
	}
	return Result{}
}

func TestFileIsTruncatedOnItsWay(t *testing.T) {
	for _, handOver := range []int64{1000, 1 << 40} {
		path, want := random(t, 64<<20)
		ended := newResults()
		r := start(t, Config{HandOver: handOver}, routes(t, path, ended.add))
		c := dial(t, r.addr)
		io.WriteString(c, getClip+"GET /text HTTP/1.1\r\nHost: box\r\n\r\n")
		until(t, r.Engine, "under way", func(st Stats) bool { return st.Bytes > 0 })
		if err := os.Truncate(path, 40<<20); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(c)
		_, body, _ := bytes.Cut(all, []byte("\r\n\r\n"))
		if err != nil && len(body) == 0 || len(body) > 40<<20 || !bytes.Equal(body, want[:len(body)]) {
			t.Errorf("%v, %d bytes, want at most what is left of the file, and no other answer", err, len(body))
		}
		if res := ended.next(t); res.End != Truncated || res.Bytes != int64(len(body)) || res.Size != 64<<20 || res.Err == nil {
			t.Errorf("result = %+v, want truncated after %d bytes", res, len(body))
		}
	}
}

func TestFileIsUnlinkedOrReplacedOnItsWay(t *testing.T) {
	path, want := random(t, 32<<20)
	ended := newResults()
	r := start(t, Config{}, routes(t, path, ended.add))
	c := dial(t, r.addr)
	io.WriteString(c, getClip)
	until(t, r.Engine, "under way", func(st Stats) bool { return st.Bytes > 0 })
	other := filepath.Join(filepath.Dir(path), "other")
	if err := os.WriteFile(other, bytes.Repeat([]byte("x"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	got, err := readAnswer(bufio.NewReader(c), "GET")
	if err != nil || !bytes.Equal(got.body, want) {
		t.Errorf("%v, %d bytes, want all of the old file", err, len(got.body))
	}
	if res := ended.next(t); res.End != Done || res.Bytes != 32<<20 || !res.Zero {
		t.Errorf("result = %+v, want done", res)
	}
}

func TestClientVanishes(t *testing.T) {
	path, _ := random(t, 16<<20)
	ended := newResults()
	r := start(t, Config{}, routes(t, path, ended.add))
	for read := range 8 {
		for _, reset := range []bool{false, true} {
			c := dial(t, r.addr)
			io.WriteString(c, getClip)
			if read > 0 {
				io.CopyN(io.Discard, c, int64(read-1)*400_000+1)
			} else {
				until(t, r.Engine, "under way", func(st Stats) bool { return st.Transfers > 0 })
			}
			if reset {
				c.SetLinger(0)
			}
			c.Close()
			if res := ended.next(t); res.End != ClientGone || res.Bytes >= 16<<20 {
				t.Errorf("after %d reads, reset %v: result = %+v, want client-gone", read, reset, res)
			}
		}
	}
	until(t, r.Engine, "nothing left", func(st Stats) bool { return st.Conns == 0 && st.Files == 0 && st.Transfers == 0 })
}

func TestManyTransfersShareOneFile(t *testing.T) {
	path, _ := random(t, 16<<20)
	r := start(t, Config{}, routes(t, path, nil))
	for range 50 {
		io.WriteString(dial(t, r.addr), getClip)
	}
	until(t, r.Engine, "50 transfers", func(st Stats) bool { return st.Transfers == 50 })
	if n := opened(t, path); n != 1 || r.Stats().Files != 1 {
		t.Errorf("%d descriptors of the file are open, want 1: %+v", n, r.Stats())
	}
}

// opened counts the descriptors of path in this process.
func opened(t testing.TB, path string) (n int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range list {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && to == path {
			n++
		}
	}
	return n
}

// TestEndOfTheLastAnswerIsNotLost says more than the server will read: closing at once would reset the connection.
func TestEndOfTheLastAnswerIsNotLost(t *testing.T) {
	path, want := random(t, 1<<20)
	for _, handOver := range []int64{1000, 1 << 40} {
		r := start(t, Config{HandOver: handOver}, routes(t, path, nil))
		for range 3 {
			c := dial(t, r.addr)
			c.SetReadBuffer(16 << 10)
			io.WriteString(c, "GET /clip HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n")
			c.Write(bytes.Repeat([]byte("x"), 20<<10))
			if got, err := readAnswer(bufio.NewReaderSize(c, 4<<10), "GET"); err != nil || !bytes.Equal(got.body, want) {
				t.Fatalf("hand over above %d: %v, %d bytes, want %d", handOver, err, len(got.body), len(want))
			}
		}
	}
}

func TestStalledTransferEnds(t *testing.T) {
	path, _ := random(t, 16<<20)
	ended := newResults()
	r := start(t, Config{StallAfter: 40 * time.Millisecond, DropAfter: 120 * time.Millisecond}, routes(t, path, ended.add))
	began := time.Now()
	io.WriteString(dial(t, r.addr), getClip)
	if res, took := ended.next(t), time.Since(began); res.End != Stalled || took < 120*time.Millisecond {
		t.Errorf("result = %+v after %v, want stalled after 120 ms", res, took)
	}
}

// TestSlowIsNotStalled reads a little now and then, for longer than a stall may last.
func TestSlowIsNotStalled(t *testing.T) {
	path, _ := random(t, 16<<20)
	ended := newResults()
	r := start(t, Config{StallAfter: 500 * time.Millisecond, DropAfter: 2 * time.Second}, routes(t, path, ended.add))
	c := dial(t, r.addr)
	c.SetReadBuffer(32 << 10)
	io.WriteString(c, getClip)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 60 { // 3 s in which the socket never has room for what the engine would send at once
		select {
		case res := <-ended:
			t.Fatalf("ended: %+v", res)
		case <-tick.C:
			io.CopyN(io.Discard, c, 20<<10)
		}
	}
}

func TestLongestStalledMakesRoom(t *testing.T) {
	path, want := random(t, 16<<20)
	ended := newResults()
	r := start(t, Config{MaxTransfers: 2, StallAfter: 3 * time.Second, DropAfter: time.Hour}, routes(t, path, ended.add))
	for range 2 {
		io.WriteString(dial(t, r.addr), getClip)
	}
	until(t, r.Engine, "two transfers", func(st Stats) bool { return st.Transfers == 2 })
	c := dial(t, r.addr)
	io.WriteString(c, getClip)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || res.Header.Get("Last-Modified") != "" {
		t.Fatalf("third client: %v, %+v, want 503 with Retry-After", err, res)
	}
	if res := ended.next(t); res.End != Refused {
		t.Errorf("result = %+v, want refused", res)
	}
	until(t, r.Engine, "room", func(Stats) bool { return r.admitTransfer(false) })
	r.cancelTransfer(false)
	if res := ended.next(t); res.End != Stalled {
		t.Errorf("result = %+v, want stalled", res)
	}
	c = dial(t, r.addr)
	io.WriteString(c, getClip)
	if got, err := readAnswer(bufio.NewReader(c), "GET"); err != nil || !bytes.Equal(got.body, want) {
		t.Errorf("client after that: %v, %d bytes", err, len(got.body))
	}
}

func TestDrain(t *testing.T) {
	path, want := random(t, 16<<20)
	ended := newResults()
	r := start(t, Config{}, routes(t, path, ended.add))
	good, stalled, idle := dial(t, r.addr), dial(t, r.addr), dial(t, r.addr)
	io.WriteString(good, getClip)
	io.WriteString(stalled, getClip)
	until(t, r.Engine, "under way", func(st Stats) bool { return st.Transfers == 2 && st.Parked == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(ctx) }()
	if _, err := idle.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("idle connection: %v, want EOF", err)
	}
	if got, err := readAnswer(bufio.NewReader(good), "GET"); err != nil || !bytes.Equal(got.body, want) {
		t.Errorf("transfer under way: %v, %d bytes", err, len(got.body))
	}
	if res := ended.next(t); res.End != Done {
		t.Errorf("result = %+v, want done", res)
	}
	cancel()
	if err := <-drained; !errors.Is(err, context.Canceled) {
		t.Errorf("Drain: %v, want the context's error", err)
	}
	if res := ended.next(t); res.End != Shutdown {
		t.Errorf("result = %+v, want shutdown", res)
	}
	if err := r.Drain(t.Context()); err != nil {
		t.Errorf("Drain of nothing: %v", err)
	}
}

func TestRates(t *testing.T) {
	path, want := random(t, 2<<20)
	for name, cfg := range map[string]Config{
		"each, by the kernel": {TransferRate: 2 << 20, HandOver: 1000},
		"all":                 {TotalRate: 4 << 20, HandOver: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, cfg, routes(t, path, nil))
			a, b := dial(t, r.addr), dial(t, r.addr)
			began := time.Now()
			io.WriteString(a, getClip)
			io.WriteString(b, getClip)
			for _, c := range []io.Reader{a, b} {
				if got, err := readAnswer(bufio.NewReader(c), "GET"); err != nil || !bytes.Equal(got.body, want) {
					t.Fatalf("%v, %d bytes", err, len(got.body))
				}
			}
			if took := time.Since(began); took < 250*time.Millisecond || took > 10*time.Second {
				t.Errorf("2 MiB to each of two clients took %v, want about a second", took)
			}
		})
	}
}

// TestPaceWithoutTheKernel has the engine itself see to a transfer's rate.
func TestPaceWithoutTheKernel(t *testing.T) {
	e := &Engine{cfg: Config{Quantum: 1 << 20}, start: time.Now().Add(-time.Second)}
	tr := &transfer{pace: 1000}
	if n, _ := e.allowance(tr); n < 1000 || n > 1300 {
		t.Errorf("after a second, %d bytes may go, want 1125", n)
	}
	tr.moved.Store(5000)
	if n, until := e.allowance(tr); n > 0 || until < time.Second {
		t.Errorf("%d bytes may go, look again at %v; want none, soon", n, until)
	}
}

// listed makes a body of a list.
func listed(list []Part) (all Parts) {
	for i := range list {
		all.Size += list[i].size()
	}
	all.At = func(off int64) (Part, int64, error) {
		begins := int64(0)
		for i := range list {
			if end := begins + list[i].size(); off < end {
				return list[i], begins, nil
			} else {
				begins = end
			}
		}
		return Part{}, 0, io.EOF
	}
	return all
}

// TestParts serves a body of bytes and files, as an archive is.
func TestParts(t *testing.T) {
	path, content := random(t, 300_000)
	var parts []Part
	var want []byte
	for i := range 40 {
		head := []byte(fmt.Sprintf("[head %d]", i))
		from, n := int64(i*1000), int64(i*3000)
		parts = append(parts, Part{Bytes: head}, Part{Open: func() (*os.File, error) { return os.Open(path) }, Offset: from, Length: n})
		want = append(append(want, head...), content[from:from+n]...)
	}
	for name, cfg := range map[string]Config{"handed over": {HandOver: 1, Quantum: 10_001}, "by net/http": {HandOver: 1 << 40}} {
		t.Run(name, func(t *testing.T) {
			ended := newResults()
			r := start(t, cfg, func(e *Engine) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "application/zip")
					e.ServeParts(w, r, "", time.Time{}, listed(parts), ended.add)
				})
			})
			c := dial(t, r.addr)
			br := bufio.NewReader(c)
			for _, from := range []int{0, 1, 5, 9, 10, 8000, 100_000, len(want) - 1} {
				fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: box\r\nRange: bytes=%d-\r\n\r\n", from)
				got, err := readAnswer(br, "GET")
				if err != nil || !bytes.Equal(got.body, want[from:]) {
					t.Fatalf("from %d: %v, %d bytes, want %d", from, err, len(got.body), len(want)-from)
				}
				if res := ended.next(t); res.End != Done || res.Bytes != int64(len(want)-from) {
					t.Errorf("from %d: result = %+v", from, res)
				}
			}
			until(t, r.Engine, "every file closed", func(st Stats) bool { return st.Files == 0 })
		})
	}
}

func TestPartThatCannotBeOpened(t *testing.T) {
	ended := newResults()
	parts := []Part{{Bytes: []byte("head")}, {Open: func() (*os.File, error) { return nil, os.ErrNotExist }, Length: 1 << 20}}
	r := start(t, Config{}, func(e *Engine) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/zip")
			e.ServeParts(w, r, "", time.Time{}, listed(parts), ended.add)
		})
	})
	c := dial(t, r.addr)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: box\r\n\r\n")
	all, err := io.ReadAll(c)
	if _, body, _ := bytes.Cut(all, []byte("\r\n\r\n")); err != nil || string(body) != "head" {
		t.Errorf("%v, %q, want the head and then the end of the connection", err, body)
	}
	if res := ended.next(t); res.End != Truncated || !errors.Is(res.Err, os.ErrNotExist) {
		t.Errorf("result = %+v, want truncated, file does not exist", res)
	}
}

func TestFileThatIsNotCachedGoesToADiskWorker(t *testing.T) {
	path, want := random(t, 4<<20)
	r := start(t, Config{}, func(e *Engine) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			f, err := os.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			b, err := fileBody(e.files, f)
			if err != nil {
				t.Error(err)
				return
			}
			b.file.blind.Store(true) // as on a file system that does not tell
			e.serve(w, req, "clip.mp4", time.Time{}, b, nil)
		})
	})
	for range 3 {
		c := dial(t, r.addr)
		io.WriteString(c, getClip)
		if got, err := readAnswer(bufio.NewReader(c), "GET"); err != nil || !bytes.Equal(got.body, want) {
			t.Errorf("%v, %d bytes", err, len(got.body))
		}
	}
	if st := r.Stats(); st.Cold < 3*(4<<20)/diskQuantum {
		t.Errorf("%d turns for the disk workers, want all", st.Cold)
	}
}

// TestTotalRateOfShortBodies has one client ask for ranges that net/http could send at once.
func TestTotalRateOfShortBodies(t *testing.T) {
	path, want := random(t, 256<<10)
	r := start(t, Config{TotalRate: 4 << 20}, routes(t, path, nil))
	c := dial(t, r.addr)
	br := bufio.NewReader(c)
	began := time.Now()
	for range 16 {
		io.WriteString(c, getClip)
		if got, err := readAnswer(br, "GET"); err != nil || !bytes.Equal(got.body, want) {
			t.Fatalf("%v, %d bytes", err, len(got.body))
		}
	}
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("4 MiB took %v, want about a second", took)
	}
}
