package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// group is a memory cgroup of its own, cgroups(7), of version 1 or 2.
type group struct{ dir, limit, peak, events string }

// newGroup makes one with a limit in bytes, where that is possible.
func newGroup(t *testing.T, limit int64) group {
	t.Helper()
	name := fmt.Sprintf("clipd-%s-%d", t.Name(), os.Getpid())
	g := group{"/sys/fs/cgroup/memory/" + name, "memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control"}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		g = group{"/sys/fs/cgroup/" + name, "memory.max", "memory.peak", "memory.events"}
		_ = os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory"), 0o644) // where it is missing, the limit cannot be set
	}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		lacking(t, "no memory cgroup can be made here: %v", err)
	}
	t.Cleanup(func() { os.Remove(g.dir) })
	if err := os.WriteFile(filepath.Join(g.dir, g.limit), []byte(strconv.FormatInt(limit, 10)), 0o644); err != nil {
		lacking(t, "the memory of a cgroup cannot be limited here: %v", err)
	}
	return g
}

// lacking skips a test where the machine cannot do what it takes; in CI it fails.
func lacking(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// in is cmd, run in the cgroup from its first instruction on.
func (g group) in(cmd *exec.Cmd) *exec.Cmd {
	return exec.Command("sh", append([]string{"-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, g.dir}, cmd.Args...)...)
}

// read is what a file of the cgroup says; "unknown" where the kernel does not tell.
func (g group) read(file string) string {
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// slowly downloads url a little at a time until the test ends, and counts what it got.
func slowly(t *testing.T, url string, got *atomic.Int64) {
	t.Helper()
	address, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	c, err := net.Dial("tcp", address)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	must(t, c.(*net.TCPConn).SetReadBuffer(4096))
	_, err = fmt.Fprintf(c, "GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address)
	must(t, err)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for b := make([]byte, 1024); ; <-tick.C {
			n, err := c.Read(b)
			got.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
}

// startIn starts the box in a cgroup, without the race detector, which takes many times the memory.
func (b *box) startIn(g group, args ...string) {
	b.t.Helper()
	plain := filepath.Join(b.t.TempDir(), "clipd")
	if out, err := exec.Command("go", "build", "-o", plain, ".").CombinedOutput(); err != nil {
		b.t.Fatalf("build clipd: %v\n%s", err, out)
	}
	config := write(b.t, "clipd.toml", "hash = \"none\"\n[poster]\ncommand = [\"none\"]\n")
	b.run(g.in(exec.Command(plain, append([]string{"-dir", b.dir, "-listen", "127.0.0.1:0", "-config", config}, args...)...)))
	b.ready()
}

// In 64 MiB, the kernel's cache of its files and sockets included, the box has many clips, serves many slow downloads and
// compares everything with the disk, all at once; a good client waits under a second, where nothing else uses the machine.
// With CLIPD_SOAK set there are 100,000 clips and 1,000 downloads.
func TestSmallMemory(t *testing.T) {
	t.Parallel()
	const limit, size = 64 << 20, 4 << 20
	clips, downloads, soon := 10_000, 300, time.Minute
	if os.Getenv("CLIPD_SOAK") != "" {
		clips, downloads, soon = 100_000, 1_000, time.Second
	}
	g := newGroup(t, limit)
	m := newMosquitto(t)
	b := newBox(t)
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	must(t, os.MkdirAll(b.recordings("long"), 0o755))
	must(t, os.WriteFile(b.recordings("long", "long.mp4"), padded(t, sample, size), 0o644))
	b.linked(sample, clips-1)
	b.startIn(g, "-broker", m.url())
	b.waitScanned(clips)
	asks := newAsker(t, m, b)
	asks.ask("ping", "{}")
	link := b.link(b.newest("long"))
	var got atomic.Int64
	for range downloads {
		slowly(t, link, &got)
	}
	b.within("the downloads are under way", func() bool { return b.transfers() == downloads })
	asks.send("rescan", "{}")
	b.log("reason=\"asked over MQTT\"")
	began := time.Now()
	status, body := fetch(t, link)
	waited := time.Since(began)
	b.log("scan ended")
	b.within("each has got something", func() bool { return got.Load() > int64(downloads)*8192 })
	t.Logf("%d clips, %d downloads: peak %s bytes with the kernel's part, %d kB resident; a good client waited %v; %s",
		clips, downloads, g.read(g.peak), b.resident("VmHWM")>>10, waited, g.read(g.events))
	if status != http.StatusOK || len(body) != size || waited > soon {
		t.Errorf("a good client got %d with %d bytes after %v", status, len(body), waited)
	}
	if events := g.read(g.events) + " "; !strings.Contains(events, "oom_kill 0 ") || b.transfers() != downloads {
		t.Errorf("%d downloads are left; %s", b.transfers(), events)
	}
}

// linked makes n recordings of few files, a thousand in a folder.
func (b *box) linked(sample string, n int) {
	b.t.Helper()
	const links = 50_000 // ext4 has 65,000 for a file
	for i := range n {
		dir := b.recordings("many", fmt.Sprintf("%03d", i/1000))
		if i%1000 == 0 {
			must(b.t, os.MkdirAll(dir, 0o755))
		}
		path := filepath.Join(dir, fmt.Sprintf("%06d.mp4", i))
		if i%links == 0 {
			copyFile(b.t, sample, path)
			sample = path
			continue
		}
		must(b.t, os.Link(sample, path))
	}
}

// waitScanned waits until n clips are known, and for as long as that takes if it goes on.
func (b *box) waitScanned(n int) {
	b.t.Helper()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for before, since := 0, time.Now(); ; <-tick.C {
		now := b.status().Clips
		switch {
		case now == n:
			return
		case now != before:
			before, since = now, time.Now()
		case time.Since(since) > patience:
			b.t.Fatalf("%d of %d clips are known:\n%s", now, n, b.lines.all())
		}
	}
}

// newest is the id of a camera's newest clip.
func (b *box) newest(camera string) string {
	b.t.Helper()
	var page struct{ Clips []clip }
	b.get("/api/v1/clips?limit=1&camera="+camera, &page)
	if len(page.Clips) != 1 {
		b.t.Fatalf("camera %s has no clip", camera)
	}
	return page.Clips[0].ID
}

// 200 clients that ask for a clip and never read, and 500 that say a byte of their request a second, cost neither much
// memory nor the others' time; the latter are hung up on.
func TestHostileClients(t *testing.T) {
	t.Parallel()
	const limit, stalled, slow = 64 << 20, 200, 500
	soon := time.Minute
	if os.Getenv("CLIPD_SOAK") != "" {
		soon = time.Second
	}
	g := newGroup(t, limit)
	b := newBox(t)
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	must(t, os.MkdirAll(b.recordings("long"), 0o755))
	must(t, os.WriteFile(b.recordings("long", "long.mp4"), padded(t, sample, 16<<20), 0o644))
	b.startIn(g, "-broker", "none")
	b.waitScanned(1)
	link := b.link(b.newest("long"))
	address, path, _ := strings.Cut(strings.TrimPrefix(link, "http://"), "/")
	request := fmt.Sprintf("GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", address)
		must(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	for range stalled {
		c := dial()
		must(t, c.(*net.TCPConn).SetReadBuffer(4096))
		_, err := c.Write([]byte(request))
		must(t, err)
	}
	b.within("the stalled are served", func() bool { return b.transfers() == stalled })
	var left atomic.Int32
	conns := make([]net.Conn, slow)
	for i := range conns {
		c := dial()
		conns[i] = c
		left.Add(1)
		go func() {
			defer left.Add(-1)
			_, _ = io.Copy(io.Discard, c)
		}()
	}
	worst := time.Duration(0)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for second := 0; left.Load() > 0; second++ {
		<-tick.C
		if second == len(request)-4 {
			t.Fatalf("%d slow clients are still there", left.Load())
		}
		began := time.Now()
		if status, body := fetch(t, link); status != http.StatusOK || len(body) != 16<<20 {
			t.Fatalf("a good client got %d with %d bytes", status, len(body))
		}
		worst = max(worst, time.Since(began))
		for _, c := range conns {
			_, _ = c.Write([]byte(request[second : second+1])) // fails once it was hung up on
		}
	}
	t.Logf("peak %s bytes with the kernel's part, %d kB resident; the good client waited %v at most; %s",
		g.read(g.peak), b.resident("VmHWM")>>10, worst, g.read(g.events))
	if events := g.read(g.events) + " "; !strings.Contains(events, "oom_kill 0 ") || worst > soon || b.transfers() < stalled {
		t.Errorf("%d transfers are left, a good client waited %v; %s", b.transfers(), worst, events)
	}
}
