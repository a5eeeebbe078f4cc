package httpd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/device/link"
	"clipd/store"
)

// sendfileEnv makes this test binary a server to be traced: "plain", or "wrapped" in a ResponseWriter without ReadFrom.
const sendfileEnv = "CLIPD_TEST_SENDFILE"

const tracedSize = 16 << 20

func TestServeForSendfile(t *testing.T) {
	how := os.Getenv(sendfileEnv)
	if how == "" {
		t.Skip("it is the child of TestBytesGoBySendfile")
	}
	b := newBox(t)
	if how == "wrapped" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		b.must(err)
		hs := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b.server.Handler().ServeHTTP(struct{ http.ResponseWriter }{w}, r)
		})}
		go hs.Serve(ln)
		defer hs.Close()
		b.url = "http://" + ln.Addr().String()
	}
	b.file("front/a.mp4", nil)
	b.must(os.Truncate(filepath.Join(b.dir, "front/a.mp4"), tracedSize)) // written without write(2)
	c := b.row("front/a.mp4", nil)
	b.must(b.store.Apply(t.Context(), store.Add(c, store.Live)))
	fmt.Printf("\n%s%s\n", b.url, linkOf(b, link.Clip, c, time.Hour))
	io.Copy(io.Discard, os.Stdin) // until the parent is done
	if api.ClipPath(c) == "" {
		t.Fatal("no clip was served")
	}
}

// The bytes of a whole clip and of a range of it go from file to socket inside the kernel. The wrapped server shows that
// this test would notice if they did not.
func TestBytesGoBySendfile(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		missing(t, "strace is not installed (Debian: strace), so system calls cannot be counted")
	}
	// net/http writes the first 512 bytes of a body together with the header.
	if by := traced(t, "plain"); by["sendfile"] < tracedSize+tracedSize/2-1024 || by["write"] > tracedSize/100 {
		t.Errorf("moved %d bytes by sendfile and %d by write, want %d by sendfile", by["sendfile"], by["write"], tracedSize+tracedSize/2)
	}
	if by := traced(t, "wrapped"); by["sendfile"] != 0 || by["write"] < tracedSize {
		t.Errorf("a wrapped writer moved %d bytes by sendfile and %d by write: this test proves nothing", by["sendfile"], by["write"])
	}
}

// traced fetches a clip and half of it from a traced child, and returns the bytes its server moved, by system call.
func traced(t testing.TB, how string) map[string]int64 {
	t.Helper()
	out := filepath.Join(t.TempDir(), "strace")
	child := exec.Command("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=sendfile,sendfile64,write", "-e", "signal=none", "-o", out,
		os.Args[0], "-test.run=^TestServeForSendfile$")
	child.Env = append(os.Environ(), sendfileEnv+"="+how)
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	url := ""
	for url == "" && lines.Scan() {
		if strings.HasPrefix(lines.Text(), "http://") {
			url = lines.Text()
		}
	}
	if url == "" {
		child.Wait()
		missing(t, "strace cannot trace here: ptrace(2) is not allowed")
	}
	fetch(t, url, "", tracedSize)
	fetch(t, url, "bytes="+itoa(tracedSize/2)+"-", tracedSize/2)
	stdin.Close()
	io.Copy(io.Discard, stdout)
	if err := child.Wait(); err != nil {
		t.Fatalf("the traced server: %v", err)
	}
	return countCalls(t, out)
}

func fetch(t testing.TB, url, part string, want int64) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if part != "" {
		r.Header.Set("Range", part)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != want || err != nil {
		t.Fatalf("fetched %d bytes (%v), want %d", n, err, want)
	}
}

// "12 sendfile(9, 8, NULL, 4194304) = 65536", also when another thread's call came between its start and its end, and
// sendfile64 where a word has 32 bits. The catalogue is written by pwrite64, which is not counted.
var call = regexp.MustCompile(`(sendfile|write)(?:64)?(?:\(| resumed).*= (\d+)$`)

func countCalls(t testing.TB, name string) map[string]int64 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	by := map[string]int64{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if m := call.FindStringSubmatch(lines.Text()); m != nil {
			n, _ := strconv.ParseInt(m[2], 10, 64)
			by[m[1]] += n
		}
	}
	return by
}
