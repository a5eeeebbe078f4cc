package sendfile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// dial opens a connection that ends with the test, and no later than in two minutes.
func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	return c.(*net.TCPConn)
}

// answer is a response as it came over the wire.
type answer struct {
	head   string
	body   []byte
	closed bool // the server said that the connection ends
}

// readAnswer takes one response from the wire, and no byte more.
func readAnswer(br *bufio.Reader, method string) (answer, error) {
	head, n := "", 1
	for !strings.HasSuffix(head, "\r\n\r\n") {
		b, err := br.Peek(n)
		if err != nil {
			return answer{}, fmt.Errorf("read header after %q: %w", head, err)
		}
		head, n = string(b), n+1
	}
	res, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(res.Body)
	return answer{head, body, res.Close}, err
}

// varying is what may differ between two answers to one request.
var varying = regexp.MustCompile(`(?m)^Date: .*$|boundary=[0-9a-f]+`)

var boundary = regexp.MustCompile(`(?m)^--[0-9a-f]{60}(--)?\r?$`)

// requests makes up requests about a file of size bytes.
type requests struct {
	*rand.Rand
	size  int
	mtime time.Time
}

func (r requests) next() (method, text string) {
	method = pick(r, "GET", "GET", "GET", "GET", "HEAD", "POST")
	proto := pick(r, "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0")
	var b strings.Builder
	fmt.Fprintf(&b, "%s /%s %s\r\nHost: box\r\n", method, pick(r, "etag", "etag", "bare", "close", "odd"), proto)
	if r.IntN(3) > 0 {
		fmt.Fprintf(&b, "Range: %s\r\n", r.ranges())
	}
	if r.IntN(3) == 0 {
		fmt.Fprintf(&b, "%s: %s\r\n", pick(r, "If-None-Match", "If-Match", "If-Range"), pick(r, `"clip"`, `"other"`, `W/"clip"`, "*", `"a", "clip"`, `"`))
	}
	if r.IntN(4) == 0 {
		when := r.mtime.Add(time.Duration(r.IntN(3)-1) * time.Hour).UTC().Format(http.TimeFormat)
		fmt.Fprintf(&b, "%s: %s\r\n", pick(r, "If-Modified-Since", "If-Unmodified-Since", "If-Range"), pick(r, when, when, "yesterday"))
	}
	if r.IntN(6) == 0 {
		fmt.Fprintf(&b, "Connection: %s\r\n", pick(r, "close", "keep-alive", "close, x"))
	}
	if method == "POST" {
		b.WriteString("Content-Length: 3\r\n\r\nabc")
		return method, b.String()
	}
	b.WriteString("\r\n")
	return method, b.String()
}

func (r requests) ranges() string {
	spec := func() string {
		from := r.IntN(r.size + r.size/8)
		switch r.IntN(8) {
		case 0:
			return fmt.Sprintf("-%d", r.IntN(r.size*2))
		case 1:
			return fmt.Sprintf("%d-", from)
		case 2:
			return fmt.Sprintf("%d-%d", from, from-1-r.IntN(3))
		case 3:
			return pick(r, "-", "a-b", "1-2-3", "", " 0-0 ", "99999999999999999999-", "-0")
		}
		return fmt.Sprintf("%d-%d", from, from+r.IntN(r.size))
	}
	list := []string{spec()}
	for r.IntN(5) == 0 {
		list = append(list, spec())
	}
	return pick(r, "bytes=", "bytes=", "bytes=", "bytes=", "octets=", "bytes = ") + strings.Join(list, ",")
}

func pick[T any](r requests, of ...T) T { return of[r.IntN(len(of))] }

// clip serves f with the header fields that path asks for, by serve.
func clip(t testing.TB, path string, serve func(http.ResponseWriter, *http.Request, time.Time, *os.File)) http.Handler {
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
		h := w.Header()
		switch r.URL.Path {
		case "/etag":
			h.Set("ETag", `"clip"`)
			h.Set("Content-Type", "video/mp4")
		case "/close":
			h.Set("Connection", "close")
		case "/odd":
			h["X-Odd"] = []string{"a\r\nb: c", "two"}
			h["Content-Type"] = nil
			h.Set("Cache-Control", "private, max-age=31536000, immutable")
		}
		serve(w, r, st.ModTime(), f)
	})
}

// TestAnswersAsServeContent sends thousands of requests to net/http alone and to net/http with the engine below, once with
// every body handed over and once with none, and wants the same bytes.
func TestAnswersAsServeContent(t *testing.T) {
	const size = 90_000
	path, _ := random(t, size)
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	std := &http.Server{Handler: clip(t, path, func(w http.ResponseWriter, r *http.Request, mtime time.Time, f *os.File) {
		defer f.Close()
		http.ServeContent(w, r, "clip.mp4", mtime, f)
	})}
	go std.Serve(tcp)
	defer std.Close()
	for name, cfg := range map[string]Config{"handed over": {HandOver: 1}, "by net/http": {HandOver: 1 << 40}, "in small turns": {HandOver: 1, Quantum: 7001, Loops: 2}} {
		t.Run(name, func(t *testing.T) {
			own := start(t, cfg, func(e *Engine) http.Handler {
				return clip(t, path, func(w http.ResponseWriter, r *http.Request, mtime time.Time, f *os.File) {
					e.ServeFile(w, r, "clip.mp4", mtime, f, nil)
				})
			})
			compare(t, requests{rand.New(rand.NewPCG(7, 8)), size, st.ModTime()}, tcp.Addr().String(), own.addr)
			if st := own.Stats(); cfg.HandOver == 1 && st.Ended[Done] < 500 {
				t.Errorf("the engine has sent %d bodies, want most of them", st.Ended[Done])
			}
		})
	}
}

func compare(t *testing.T, from requests, addrs ...string) {
	t.Helper()
	conns := make([]*bufio.ReadWriter, len(addrs))
	for i := range 2000 {
		method, text := from.next()
		var first answer
		for k, addr := range addrs {
			if conns[k] == nil {
				c := dial(t, addr)
				conns[k] = bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriterSize(c, 0))
			}
			conns[k].WriteString(text)
			conns[k].Flush()
			got, err := readAnswer(conns[k].Reader, method)
			if err != nil {
				t.Fatalf("request %d to server %d: %q: %v", i, k, text, err)
			}
			if got.closed {
				if b, err := conns[k].Reader.ReadByte(); err != io.EOF {
					t.Fatalf("request %d to server %d: %q: after Connection: close came %q, %v", i, k, text, b, err)
				}
				conns[k] = nil
			}
			got.head = varying.ReplaceAllString(got.head, "")
			if strings.Contains(got.head, "multipart") {
				got.body = boundary.ReplaceAll(got.body, nil)
			}
			if k == 0 {
				first = got
			} else if got.head != first.head || !bytes.Equal(got.body, first.body) {
				t.Fatalf("request %d: %q:\nwant %s%d bytes\ngot  %s%d bytes", i, text, first.head, len(first.body), got.head, len(got.body))
			}
		}
	}
}
