package httpd

import (
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// nginx serves the files of dir on a socket of its own until the test ends, and returns a client that reaches it.
func nginx(t testing.TB, dir string) *http.Client {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			missing(t, "nginx is not installed (Debian: nginx-light), so there is nothing to compare with")
		}
	}
	own, err := os.MkdirTemp("", "nginx") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(own) })
	socket := filepath.Join(own, "socket")
	conf := fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log stderr; events {}\n"+
		"http { access_log off; server_tokens off; sendfile on; types { video/mp4 mp4; }\n"+
		"client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;\n"+
		"if_modified_since before; server { listen unix:%[2]s; root %[3]s; } }\n", own, socket, dir)
	name := filepath.Join(own, "conf")
	if err := os.WriteFile(name, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-p", own, "-c", name, "-e", "stderr")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); ; <-tick.C {
		c, err := dial(t.Context(), "", "")
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatalf("nginx does not listen: %v", err)
		}
	}
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true, DialContext: dial}, Timeout: 30 * time.Second}
}

// rangeVectors are those of nginx's own tests of its range and not_modified filters (range.t, range_if_range.t,
// not_modified.t), and the odd ones that RFC 9110 §14.1.2 leaves to read. TAG and TIME stand for what the server itself said.
var rangeVectors = []string{
	"Range: bytes=0-8", "Range: bytes=-10", "Range: bytes=990-", "Range: bytes=990-1990", "Range: bytes=0-10001",
	"Range: bytes=0-9, -10, 10-19", "Range: bytes=0-9, -10, 100000-, 10-19", "Range: bytes=100000-", "Range: bytes=alpha",
	"Range: bytes=10-alpha", "Range: bytes=10", "Range: bytes=10-11 12-", "Range: bytes=0-10001, 0-0",

	"Range: bytes=0-0", "Range: bytes=999-", "Range: bytes=999-999", "Range: bytes=1000-", "Range: bytes=-1", "Range: bytes=-1000",
	"Range: bytes=-1001", "Range: bytes=-0", "Range: bytes=5-4", "Range: bytes=0-", "Range: bytes=0-999", "Range: bytes=",
	"Range: bytes=-", "Range: bytes=,", "Range: bytes=0-0,", "Range: bytes=,0-0", "Range: bytes= 0-0", "Range: bytes=0 -0",
	"Range: bytes=0- 0", "Range: bytes =0-0", "Range: BYTES=0-0", "Range: octets=0-0", "Range: 0-0", "Range: bytes=+0-0",
	"Range: bytes=0x0-0", "Range: bytes=9223372036854775807-", "Range: bytes=9223372036854775808-",
	"Range: bytes=18446744073709551616-", "Range: bytes=-9223372036854775808", "Range: bytes=0-18446744073709551616",
	"Range: bytes=0-0,-1", "Range: bytes=500-599,0-99", "Range: bytes=0-599,400-999", "Range: bytes=1000-,2000-",
	"Range: bytes=0-0,5-4", "Range: bytes=0-99,200-299,-0",

	"Range: bytes=0-9|If-Range: wrong", "Range: bytes=0-9|If-Range: \"wrong\"", "Range: bytes=0-9|If-Range: TAG",
	"Range: bytes=0-9|If-Range: W/TAG", "Range: bytes=0-9|If-Range: TIME", "Range: bytes=0-9|If-Range: Mon, 28 Sep 1970 06:00:00 GMT",
	"Range: bytes=5000-|If-Range: \"wrong\"", "If-Range: TAG",

	"If-None-Match: TAG", "If-None-Match: \"foo\"", "If-None-Match: \"foo\", \"bar\", TAG , \"baz\"", "If-None-Match: *",
	"If-None-Match: W/TAG", "If-Match: TAG", "If-Match: \"foo\"", "If-Match: \"foo\", \"bar\", \tTAG , \"baz\"", "If-Match: *",
	"If-Match: W/TAG", "If-Modified-Since: TIME", "If-Modified-Since: Wed, 08 Jul 2037 22:53:52 GMT",
	"If-Modified-Since: Tue, 19 Jan 2038 03:14:07 GMT", "If-Modified-Since: Mon, 28 Sep 1970 06:00:00 GMT",
	"If-Modified-Since: yesterday", "If-Unmodified-Since: TIME", "If-Unmodified-Since: Mon, 28 Sep 1970 06:00:00 GMT",
	"If-None-Match: \"foo\"|If-Modified-Since: TIME", "If-None-Match: TAG|If-Modified-Since: Mon, 28 Sep 1970 06:00:00 GMT",
	"If-Match: TAG|If-Unmodified-Since: Mon, 28 Sep 1970 06:00:00 GMT", "If-None-Match: TAG|Range: bytes=0-9",
	"If-Match: \"foo\"|Range: bytes=0-9",
}

// differing are vectors that we answer otherwise than nginx, and why.
var differing = map[string]string{
	"Range: bytes=0-0,":    "empty elements of a list are to be ignored, RFC 9110 §5.6.1.2",
	"Range: bytes=,0-0":    "empty elements of a list are to be ignored, RFC 9110 §5.6.1.2",
	"Range: bytes=,":       "a Range without any range may be ignored, RFC 9110 §14.2",
	"Range: bytes=0-0,5-4": "a Range of which a part is invalid may be refused, RFC 9110 §14.2",

	"If-None-Match: TAG|If-Modified-Since: Mon, 28 Sep 1970 06:00:00 GMT": "If-Modified-Since does not count beside If-None-Match, RFC 9110 §13.1.3",
	"If-Match: TAG|If-Unmodified-Since: Mon, 28 Sep 1970 06:00:00 GMT":    "If-Unmodified-Since does not count beside If-Match, RFC 9110 §13.1.4",
}

func TestRangesAsNginx(t *testing.T) {
	b := newBox(t)
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "X%03dXXXXXX", i)
	}
	c := b.clip("t1.mp4", []byte(text.String()))
	theirs := server{nginx(t, b.dir), "http://nginx/t1.mp4", ""}
	ours := server{client, b.url + api.ClipPath(c), "Bearer " + b.secret[store.Viewer]}
	for _, vector := range rangeVectors {
		for _, method := range []string{"GET", "HEAD"} {
			want, got := theirs.said(t, method, vector), ours.said(t, method, vector)
			why, differs := differing[vector]
			switch {
			case got != want && !differs:
				t.Errorf("%s %s:\nnginx: %s\nclipd: %s", method, vector, want, got)
			case got == want && differs && method == "GET":
				t.Errorf("%s %s is answered as nginx does, although %s", method, vector, why)
			}
		}
	}
}

// server is somebody who has the file at url.
type server struct {
	client *http.Client
	url    string
	token  string
}

func (s server) ask(t testing.TB, method string, header http.Header) *http.Response {
	t.Helper()
	r, err := http.NewRequest(method, s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Header = header; s.token != "" {
		r.Header.Set("Authorization", s.token)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// said is what matters of the answer to a vector: status, length, which bytes, and the bytes.
func (s server) said(t testing.TB, method, vector string) string {
	t.Helper()
	first := s.ask(t, "HEAD", http.Header{})
	first.Body.Close()
	own := strings.NewReplacer("TAG", first.Header.Get("ETag"), "TIME", first.Header.Get("Last-Modified"))
	header := http.Header{}
	for field := range strings.SplitSeq(vector, "|") {
		name, value, _ := strings.Cut(field, ": ")
		header.Set(name, own.Replace(value))
	}
	resp := s.ask(t, method, header)
	defer resp.Body.Close()
	out := fmt.Sprintf("%d %q", resp.StatusCode, resp.Header.Get("Content-Range"))
	if resp.StatusCode/100 != 2 {
		return out // what an error says is everybody's own
	}
	kind, p, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "multipart/byteranges" {
		body, err := io.ReadAll(resp.Body)
		return fmt.Sprintf("%s %s %d %q %v", out, kind, resp.ContentLength, body, err)
	}
	if method == "HEAD" {
		return out + " several"
	}
	parts := multipart.NewReader(resp.Body, p["boundary"])
	for {
		part, err := parts.NextPart()
		if err != nil {
			return fmt.Sprint(out, " ", err)
		}
		body, err := io.ReadAll(part)
		out += fmt.Sprintf(" [%s %s %q %v]", part.Header.Get("Content-Type"), part.Header.Get("Content-Range"), body, err)
	}
}
