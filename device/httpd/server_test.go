package httpd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/store"
)

func (b *box) dial() net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	b.must(err)
	b.t.Cleanup(func() { conn.Close() })
	b.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
	return conn
}

// firstLine sends raw bytes and returns the status line that comes back, or "" if the connection is closed.
func firstLine(conn net.Conn, text string) string {
	io.WriteString(conn, text)
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line)
}

func TestStopLetsTransfersFinish(t *testing.T) {
	b := newBox(t)
	c := b.clip("front/a.mp4", content(large))
	resp := b.slow(c)
	silent := b.dial() // says nothing: it must not delay the stop
	idle := b.dial()
	if got := firstLine(idle, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); got != "HTTP/1.1 200 OK" {
		t.Fatalf("got %q", got)
	}
	stopped := make(chan struct{})
	begun := time.Now()
	go func() { b.stop(); close(stopped) }()
	if n, err := io.Copy(io.Discard, resp.Body); n != large-1000 || err != nil {
		t.Errorf("a transfer under way was cut: %d bytes, %v", n, err)
	}
	await(t, "the stop", stopped)
	if took := time.Since(begun); took > stopGrace/3 {
		t.Errorf("the stop took %v", took)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("a silent connection was answered")
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://")); err == nil {
		t.Error("a stopped server still accepts")
	}
}

func TestStopCutsOffTransfersThatDoNotEnd(t *testing.T) {
	grace := stopGrace
	stopGrace = 200 * time.Millisecond
	t.Cleanup(func() { stopGrace = grace })
	b := newBox(t)
	c := b.clip("front/a.mp4", content(large))
	resp := b.slow(c)
	b.stop()
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the transfer was not cut off")
	}
	if !b.log.has("transfers cut off by the stop") {
		t.Error("the log does not say so")
	}
}

func TestConnectionsThatWaitGiveWay(t *testing.T) {
	b := newBox(t, func(c *Config) { c.MaxConns = 8 })
	oldest := b.dial()
	for range 100 {
		b.dial() // and says nothing
	}
	if got := firstLine(b.dial(), "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); got != "HTTP/1.1 200 OK" {
		t.Errorf("a good client among silent ones got %q", got)
	}
	if _, err := oldest.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the longest waiting connection: %v, want it closed", err)
	}
}

func TestConnectionsWithARequestDoNotGiveWay(t *testing.T) {
	b := newBox(t, func(c *Config) { c.MaxConns = 2 })
	c := b.clip("front/a.mp4", content(large))
	first, second := b.slow(c), b.slow(c)
	waiting := b.dial()
	answered := make(chan string, 1)
	go func() { answered <- firstLine(waiting, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") }()
	if n, err := io.Copy(io.Discard, first.Body); n != large-1000 || err != nil {
		t.Errorf("a transfer gave way: %d bytes, %v", n, err)
	}
	first.Body.Close()
	if got := <-answered; got != "HTTP/1.1 200 OK" {
		t.Errorf("who waited got %q", got)
	}
	if n, err := io.Copy(io.Discard, second.Body); n != large-1000 || err != nil {
		t.Errorf("a transfer gave way: %d bytes, %v", n, err)
	}
}

func TestWhatIsNotHTTP11IsRefused(t *testing.T) {
	b := newBox(t)
	for raw, want := range map[string]string{
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":             "400",
		"GET / HTTP/1.1\r\n\r\n":                       "400", // no Host
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n": "400",
		"nonsense\r\n\r\n":                             "400",
		"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 32<<10) + "\r\n\r\n":  "431",
		"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n":                                           "400",
		"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab": "400",
		"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":                                            "200",
	} {
		got := strings.Fields(firstLine(b.dial(), raw) + " - -")
		if got[1] != want {
			t.Errorf("%.40q: got %q, want %s", raw, got, want)
		}
	}
}

func TestPanicsAreLoggedAndEndTheConnection(t *testing.T) {
	b := newBox(t, func(c *Config) { c.Status = func() api.Status { panic("broken") } })
	r := b.request("GET", "/api/v1/status", nil, "Authorization", "Bearer "+b.secret[store.Viewer])
	if resp, err := client.Do(r); err == nil {
		resp.Body.Close()
		t.Errorf("a panic was answered with %d", resp.StatusCode)
	}
	if !b.log.has("panic=broken") || !b.log.has("server_test.go") {
		t.Error("the log does not say where it happened")
	}
	b.get("/healthz").is(t, 200, "")
}

func TestHealthAndReadiness(t *testing.T) {
	ready := false
	b := newBox(t, func(c *Config) { c.Ready = func() bool { return ready } })
	b.get("/healthz").is(t, 200, "")
	b.get("/readyz").is(t, 503, "busy").header(t, "Retry-After", "5")
	ready = true
	b.get("/readyz").is(t, 200, "")
}

func TestMetrics(t *testing.T) {
	b := newBox(t, func(c *Config) { c.Metrics = func(w io.Writer) { fmt.Fprintln(w, "clipd_other 1") } })
	b.get(api.ClipPath(b.clip("front/a.mp4", content(100))))
	b.get("/nothing")
	b.get("/api/v1/clips")
	text := string(b.get("/metrics").is(t, 200, "").body)
	for _, line := range []string{
		"clipd_clips 1\n", "clipd_clip_bytes 100\n", "clipd_transfers 0\n",
		`clipd_sent_bytes_total{by="copy"} 100` + "\n", `clipd_transfers_ended_total{end="done"} 1` + "\n",
		"clipd_journal_seq 1\n", "clipd_other 1\n",
		`clipd_http_requests_total{route="/api/v1/clips"} 1` + "\n", `clipd_http_problems_total{type="not-found"} 1` + "\n",
		`clipd_info{version="test",box="0123456789ab"} 1` + "\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
}

func TestAdopt(t *testing.T) {
	rescans := 0
	b := newBox(t, func(c *Config) { c.Rescan = func() { rescans++ } })
	b.ask(store.Admin, "POST", "/api/v1/root/adopt", "").is(t, 204, "")
	if rescans != 1 {
		t.Errorf("%d rescans, want 1", rescans)
	}
}

func TestDocumentsAreServed(t *testing.T) {
	b := newBox(t)
	for path, want := range map[string][]byte{"/api/openapi.yaml": api.OpenAPI, "/api/asyncapi.yaml": api.AsyncAPI} {
		a := b.get(path).is(t, http.StatusOK, "")
		a.header(t, "Content-Type", "application/yaml")
		if string(a.body) != string(want) || len(want) == 0 {
			t.Errorf("%s: %d bytes, want %d", path, len(a.body), len(want))
		}
	}
}
