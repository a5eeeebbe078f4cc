package sendfile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// routes serves the file at path, and what else a server answers.
func routes(t testing.TB, path string, onEnd func(Result)) func(*Engine) http.Handler {
	return func(e *Engine) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/clip", fileHandler(t, path, onEnd)(e))
		mux.HandleFunc("/text", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "text") })
		mux.HandleFunc("/chunked", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "one ")
			w.(http.Flusher).Flush()
			io.WriteString(w, "two")
		})
		mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
		return mux
	}
}

// until asks again until yes, driven by what the engine itself does every tick, and fails after half a minute.
func until(t testing.TB, e *Engine, what string, yes func(Stats) bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(30 * time.Second)
	for !yes(e.Stats()) {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not in 30 s: %s: %+v", what, e.Stats())
		}
	}
}

func TestTenThousandRequestsOnOneConnection(t *testing.T) {
	path, want := random(t, 400_000)
	r := start(t, Config{HandOver: 100_000, Slots: 1}, routes(t, path, nil))
	c := dial(t, r.addr)
	br := bufio.NewReader(c)
	for i := range 10_000 {
		var text, body string
		switch i % 6 {
		case 0:
			text, body = "GET /text", "text"
		case 1:
			text, body = "GET /chunked", "one two"
		case 2:
			from := i % 1000
			text, body = fmt.Sprintf("GET /clip|Range: bytes=%d-%d", from, from+150_000-1), string(want[from:from+150_000])
		case 3:
			text, body = "GET /clip|Range: bytes=5-9", string(want[5:10])
		case 4:
			text, body = "POST /echo|Content-Length: 5", "hello"
		case 5:
			text, body = "GET /missing", "404 page not found\n"
		}
		line, field, _ := strings.Cut(text, "|")
		if field != "" {
			field += "\r\n"
		}
		extra := ""
		if strings.HasPrefix(line, "POST") {
			extra = "hello"
		}
		fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: box\r\n%s\r\n%s", line, field, extra)
		got, err := readAnswer(br, "GET")
		if err != nil || string(got.body) != body || got.closed {
			t.Fatalf("request %d %s: %v, %d bytes, closed %v, want %d bytes", i, text, err, len(got.body), got.closed, len(body))
		}
	}
	if st := r.Stats(); st.Accepted != 1 || st.Ended[Done] < 1600 {
		t.Errorf("stats = %+v, want one connection and a transfer for every sixth request", st)
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	path, want := random(t, 600_000)
	for name, cfg := range map[string]Config{
		"handed over": {HandOver: 1000}, "pending": {HandOver: 1 << 40}, "pending, in small turns": {HandOver: 1 << 40, Quantum: 5000},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, cfg, routes(t, path, nil))
			c := dial(t, r.addr)
			var all bytes.Buffer
			const n = 50
			for i := range n {
				fmt.Fprintf(&all, "GET /clip HTTP/1.1\r\nHost: box\r\nRange: bytes=%d-\r\n\r\n", i)
				fmt.Fprintf(&all, "GET /text HTTP/1.1\r\nHost: box\r\n\r\n")
			}
			wrote := make(chan error, 1)
			go func() {
				_, err := c.Write(all.Bytes())
				if err == nil {
					err = c.CloseWrite() // a half close ends keep-alive, not the answers
				}
				wrote <- err
			}()
			br := bufio.NewReader(c)
			for i := range n {
				got, err := readAnswer(br, "GET")
				if err != nil || !bytes.Equal(got.body, want[i:]) {
					t.Fatalf("clip %d: %v, %d bytes, want %d", i, err, len(got.body), len(want)-i)
				}
				if got, err := readAnswer(br, "GET"); err != nil || string(got.body) != "text" {
					t.Fatalf("text %d: %v, %q", i, err, got.body)
				}
			}
			if err := <-wrote; err != nil {
				t.Fatal(err)
			}
			if b, err := br.ReadByte(); err != io.EOF {
				t.Errorf("after the last answer came %q, %v", b, err)
			}
		})
	}
}

// TestPendingBodyIsSentWholeBeforeTheNextAnswer has a client that takes a long body while the socket is full again and
// again, with another request behind it.
func TestPendingBodyIsSentWholeBeforeTheNextAnswer(t *testing.T) {
	path, want := random(t, 16<<20)
	r := start(t, Config{HandOver: 1 << 40, Quantum: 4 << 10, Unsent: 4 << 10}, routes(t, path, nil))
	for range 4 {
		c := dial(t, r.addr)
		io.WriteString(c, getClip+"GET /text HTTP/1.1\r\nHost: box\r\n\r\n")
		br := bufio.NewReader(c)
		if got, err := readAnswer(br, "GET"); err != nil || !bytes.Equal(got.body, want) {
			t.Fatalf("%v, %d bytes that differ, want %d", err, len(got.body), len(want))
		}
		if got, err := readAnswer(br, "GET"); err != nil || string(got.body) != "text" {
			t.Fatalf("the answer behind it: %v, %q", err, got.body)
		}
	}
}

// TestHalfOfTheNextRequestIsKept sends part of a request behind another: the part must neither be lost nor be answered.
func TestHalfOfTheNextRequestIsKept(t *testing.T) {
	path, want := random(t, 900_000)
	const whole = "GET /clip HTTP/1.1\r\nHost: box\r\n\r\n"
	for _, cfg := range []Config{{HandOver: 1000}, {HandOver: 1 << 40}} {
		r := start(t, cfg, routes(t, path, nil))
		for cut := range len(whole) {
			c := dial(t, r.addr)
			br := bufio.NewReader(c)
			io.WriteString(c, whole+whole[:cut])
			if got, err := readAnswer(br, "GET"); err != nil || !bytes.Equal(got.body, want) {
				t.Fatalf("cut at %d: first answer: %v, %d bytes", cut, err, len(got.body))
			}
			io.WriteString(c, whole[cut:])
			if got, err := readAnswer(br, "GET"); err != nil || !bytes.Equal(got.body, want) {
				t.Fatalf("cut at %d: second answer: %v, %d bytes", cut, err, len(got.body))
			}
			c.Close()
		}
	}
}

func TestIdleConnectionIsParkedAndComesBack(t *testing.T) {
	path, _ := random(t, 1000)
	r := start(t, Config{Grace: 4 * time.Millisecond}, routes(t, path, nil))
	c := dial(t, r.addr)
	br := bufio.NewReader(c)
	for range 20 {
		io.WriteString(c, "GET /text HTTP/1.1\r\nHost: box\r\n\r\n")
		if got, err := readAnswer(br, "GET"); err != nil || string(got.body) != "text" {
			t.Fatalf("%v, %q", err, got.body)
		}
		until(t, r.Engine, "parked", func(st Stats) bool { return st.Parked == 1 && st.Lent == 0 })
	}
	if st := r.Stats(); st.Accepted != 1 {
		t.Errorf("%d connections, want 1", st.Accepted)
	}
}

func TestSilentAndIdleConnectionsHoldNoSlot(t *testing.T) {
	path, want := random(t, 500_000)
	r := start(t, Config{Slots: 4, HeaderTimeout: time.Minute}, routes(t, path, nil))
	const silent, idle, slow = 200, 5000, 300
	for range silent {
		dial(t, r.addr)
	}
	for range slow { // a request that does not end
		io.WriteString(dial(t, r.addr), "GET /text HTTP/1.1\r\nHost: b")
	}
	for i := range idle {
		c := dial(t, r.addr)
		path := "/text"
		if i%10 == 0 {
			path = "/clip"
		}
		io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: box\r\n\r\n")
		if _, err := readAnswer(bufio.NewReader(c), "GET"); err != nil {
			t.Fatalf("idle connection %d: %v", i, err)
		}
	}
	began := time.Now()
	c := dial(t, r.addr)
	io.WriteString(c, "GET /clip HTTP/1.1\r\nHost: box\r\n\r\n")
	got, err := readAnswer(bufio.NewReader(c), "GET")
	if took := time.Since(began); err != nil || !bytes.Equal(got.body, want) || took > 10*time.Second {
		t.Errorf("good client: %v, %d bytes, after %v", err, len(got.body), took)
	}
	if st := r.Stats(); st.Conns < silent+idle+slow || st.Lent > 4 || st.Evicted > 0 {
		t.Errorf("stats = %+v, want %d connections, at most 4 lent, none evicted", st, silent+idle+slow+1)
	}
}

// TestStalledReadersHoldNoSlot has more clients that do not read than there are slots, for bodies that net/http sends.
func TestStalledReadersHoldNoSlot(t *testing.T) {
	path, want := random(t, 8<<20)
	r := start(t, Config{Slots: 2, HandOver: 1 << 40}, routes(t, path, nil))
	for range 30 {
		io.WriteString(dial(t, r.addr), "GET /clip HTTP/1.1\r\nHost: box\r\n\r\n")
	}
	until(t, r.Engine, "30 transfers", func(st Stats) bool { return st.Transfers == 30 && st.Lent == 0 })
	c := dial(t, r.addr)
	io.WriteString(c, "GET /clip HTTP/1.1\r\nHost: box\r\n\r\n")
	if got, err := readAnswer(bufio.NewReader(c), "GET"); err != nil || !bytes.Equal(got.body, want) {
		t.Errorf("good client: %v, %d bytes", err, len(got.body))
	}
}

// TestSlowHeadersGoFirst fills every slot with headers too long to be looked at whole, which do not end.
func TestSlowHeadersGoFirst(t *testing.T) {
	path, _ := random(t, 1000)
	r := start(t, Config{Slots: 2}, routes(t, path, nil))
	bad := make([]*net.TCPConn, 2)
	for i := range bad {
		bad[i] = dial(t, r.addr)
		io.WriteString(bad[i], "GET /text HTTP/1.1\r\nHost: box\r\nX: "+strings.Repeat("x", 20<<10))
	}
	until(t, r.Engine, "both lent", func(st Stats) bool { return st.Lent == 2 })
	c := dial(t, r.addr)
	io.WriteString(c, "GET /text HTTP/1.1\r\nHost: box\r\n\r\n")
	if got, err := readAnswer(bufio.NewReader(c), "GET"); err != nil || string(got.body) != "text" {
		t.Errorf("good client: %v, %q", err, got.body)
	}
	if st := r.Stats(); st.Evicted == 0 {
		t.Errorf("stats = %+v, want one evicted", st)
	}
}

func TestTimeouts(t *testing.T) {
	path, _ := random(t, 1000)
	r := start(t, Config{HeaderTimeout: 20 * time.Millisecond, IdleTimeout: 40 * time.Millisecond}, routes(t, path, nil))
	for _, said := range []string{"", "GET /text HT", "GET /text HTTP/1.1\r\nHost: box\r\n\r\n"} {
		c := dial(t, r.addr)
		io.WriteString(c, said)
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("a client that said %q and no more: %v, want the connection closed", said, err)
		}
	}
}

func TestTooManyConnections(t *testing.T) {
	path, _ := random(t, 1000)
	r := start(t, Config{MaxConns: 3}, routes(t, path, nil))
	first := dial(t, r.addr)
	until(t, r.Engine, "parked", func(st Stats) bool { return st.Parked == 1 })
	for range 2 {
		dial(t, r.addr)
	}
	until(t, r.Engine, "parked", func(st Stats) bool { return st.Parked == 3 })
	c := dial(t, r.addr)
	io.WriteString(c, "GET /text HTTP/1.1\r\nHost: box\r\n\r\n")
	if _, err := readAnswer(bufio.NewReader(c), "GET"); err != nil {
		t.Errorf("fourth connection: %v", err)
	}
	if _, err := first.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the one idle longest: %v, want EOF", err)
	}
}

// descriptors counts what this process has open.
func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestEveryDescriptorIsClosed(t *testing.T) {
	before := openFiles(t)
	t.Run("use", func(t *testing.T) {
		path, _ := random(t, 32<<20)
		r := start(t, Config{HandOver: 1000, MaxTransfers: 40}, routes(t, path, nil))
		for i := range 120 {
			c := dial(t, r.addr)
			switch i % 4 {
			case 0: // silent
			case 1:
				io.WriteString(c, "GET /cl")
			case 2: // stalled
				io.WriteString(c, "GET /clip HTTP/1.1\r\nHost: box\r\n\r\n")
			case 3:
				io.WriteString(c, "GET /clip HTTP/1.1\r\nHost: box\r\n\r\n")
				c.Read(make([]byte, 10))
				c.SetLinger(0)
				c.Close()
			}
		}
		until(t, r.Engine, "all accepted", func(st Stats) bool { return st.Accepted == 120 && st.Transfers >= 30 })
	})
	if after := openFiles(t); after > before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}
