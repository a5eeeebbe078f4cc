package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// killable is a real box that is killed and started again in the middle of things.
type killable struct {
	realBox
	broker string
	listen string
	cmd    *exec.Cmd
	log    *os.File
}

// startKillable starts clipd without a broker of its own; broker is "none" or an address.
func startKillable(t *testing.T, broker string) *killable {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the real clipd")
	}
	k := &killable{realBox: realBox{dir: t.TempDir()}, broker: broker, listen: "127.0.0.1:" + freePort(t)}
	k.url = "http://" + k.listen
	var err error
	if k.log, err = os.Create(filepath.Join(k.dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.kill()
		if text, err := os.ReadFile(k.log.Name()); t.Failed() && err == nil {
			t.Logf("clipd:\n%s", text)
		}
	})
	k.start(t)
	secret, err := os.ReadFile(filepath.Join(k.dir, "var/state/admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	k.token = strings.TrimSpace(string(secret))
	return k
}

// start returns when the box says that it is ready.
func (k *killable) start(t *testing.T) {
	t.Helper()
	k.cmd = exec.Command(filepath.Join(programs(t), "clipd"), "-dir", "var", "-listen", k.listen, "-broker", k.broker)
	k.cmd.Dir = k.dir
	said, err := k.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			fmt.Fprintln(k.log, lines.Text())
			if strings.Contains(lines.Text(), "msg=ready ") {
				ready <- true
			}
		}
		close(ready)
	}()
	select {
	case ok := <-ready:
		if !ok {
			t.Fatal("clipd did not start")
		}
	case <-time.After(longest):
		t.Fatal("clipd is not ready")
	}
}

// kill is SIGKILL, as a power switch would.
func (k *killable) kill() {
	if k.cmd != nil {
		_ = k.cmd.Process.Kill()
		_ = k.cmd.Wait()
		k.cmd = nil
	}
}

// put places a finished recording and does not wait for the box to see it.
func (k *killable) put(t *testing.T, path string, body []byte) {
	t.Helper()
	file := filepath.Join(k.dir, "var/recordings", path)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, file+".part", body)
	if err := os.Rename(file+".part", file); err != nil {
		t.Fatal(err)
	}
}

// long is the sample recording followed by a free box (ISO/IEC 14496-12 §8.1.2), n bytes in all.
func long(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	at := copy(b, sampleRecording(t))
	b[at], b[at+1], b[at+2], b[at+3] = byte((n-at)>>24), byte((n-at)>>16), byte((n-at)>>8), byte(n-at)
	copy(b[at+4:], "free")
	for i := at + 8; i < n; i++ {
		b[i] = byte(i * 7)
	}
	return b
}

// following is a clipctl that runs beside the test.
type following struct {
	clips chan saved
	ended chan int
	stop  context.CancelFunc
	errs  *lockedText
}

// lockedText is written by one goroutine and read by another.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// follow runs a pull --json until the test stops it.
func follow(t *testing.T, args ...string) *following {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	f := &following{clips: make(chan saved, 10_000), ended: make(chan int, 1), stop: stop, errs: &lockedText{}}
	out, in := io.Pipe()
	go func() {
		f.ended <- run(ctx, append([]string{"pull", "--json"}, args...), in, f.errs)
		in.Close()
	}()
	go func() {
		defer close(f.clips)
		for d := json.NewDecoder(out); ; {
			var s saved
			if d.Decode(&s) != nil {
				return
			}
			f.clips <- s
		}
	}()
	t.Cleanup(stop)
	return f
}

// wait returns when n more clips are there.
func (f *following) wait(t *testing.T, n int) (got []saved) {
	t.Helper()
	end := time.After(longest)
	for len(got) < n {
		select {
		case s, ok := <-f.clips:
			if !ok {
				t.Fatalf("clipctl ended after %d of %d clips: %s", len(got), n, f.errs)
			}
			got = append(got, s)
		case <-end:
			t.Fatalf("%d of %d clips came: %s", len(got), n, f.errs)
		}
	}
	return got
}

// finish stops it as SIGTERM does; -f then ends with 0 and had nothing more to tell.
func (f *following) finish(t *testing.T) {
	t.Helper()
	f.stop()
	if code := <-f.ended; code != exitOK {
		t.Errorf("exit %d: %s", code, f.errs)
	}
	for s := range f.clips {
		t.Errorf("pulled once more: %+v", s)
	}
}

func TestPullSurvivesTheBoxBeingKilled(t *testing.T) {
	k := startKillable(t, "none")
	body := long(t, 1<<20)
	for i := range 8 {
		k.record(t, fmt.Sprintf("front/%d.mp4", i), body)
	}
	dir := t.TempDir()
	f := follow(t, "--url", k.url, "--token", k.token, "--rate", "6MB", "--layout", "{path}", dir)
	f.wait(t, 1)
	k.kill()
	k.start(t)
	f.wait(t, 7)
	if code := <-f.ended; code != exitOK {
		t.Errorf("exit %d: %s", code, f.errs)
	}
	for i := range 8 {
		wantFile(t, filepath.Join(dir, fmt.Sprintf("front/%d.mp4", i)), body)
	}
}

// TestPullFollowMissesNothing restarts the box in the middle, with clips that come while it is off.
func TestPullFollowMissesNothing(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) (*killable, []string){
		"events": func(t *testing.T) (*killable, []string) {
			k := startKillable(t, "none")
			return k, []string{"--url", k.url, "--token", k.token}
		},
		"messages alone": func(t *testing.T) (*killable, []string) {
			broker := startMosquitto(t)
			return startKillable(t, broker), []string{"--broker", broker}
		},
		"messages and the journal": func(t *testing.T) (*killable, []string) {
			broker := startMosquitto(t)
			k := startKillable(t, broker)
			return k, []string{"--broker", broker, "--url", k.url, "--token", k.token}
		},
	} {
		t.Run(name, func(t *testing.T) {
			k, args := start(t)
			dir := t.TempDir()
			f := follow(t, append(args, "-f", "--layout", "{path}", dir)...)
			if strings.HasPrefix(name, "messages") {
				eventually(t, func() bool { return strings.Contains(f.errs.String(), "following ") || name != "messages alone" })
			}
			var want []string
			put := func(n int) {
				for range n {
					path := fmt.Sprintf("front/%03d.mp4", len(want))
					k.put(t, path, long(t, 200_000+len(want))) // all differ
					want = append(want, path)
				}
			}
			put(10)
			f.wait(t, 10)
			k.kill()
			put(10)
			k.start(t)
			put(10)
			f.wait(t, 20)
			f.finish(t)
			put(5) // while clipctl is off
			f = follow(t, append(args, "-f", "--layout", "{path}", dir)...)
			f.wait(t, 5)
			f.finish(t)
			if got := tree(t, dir); len(got) != 35 {
				t.Errorf("the folder holds %d clips: %q", len(got), got)
			}
			for i, path := range want {
				wantFile(t, filepath.Join(dir, path), long(t, 200_000+i))
			}
		})
	}
}

// eventually waits for what another goroutine does.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(longest)
	for !done() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it never happened")
		}
	}
}

// startMosquitto starts a real broker and returns its address when it listens.
func startMosquitto(t *testing.T) string {
	t.Helper()
	return startMosquittoWith(t, "allow_anonymous true\nmax_queued_messages 0\n")
}

func startMosquittoWith(t *testing.T, config string) string {
	t.Helper()
	need(t, "mosquitto")
	port := freePort(t)
	conf := filepath.Join(t.TempDir(), "conf")
	write(t, conf, fmt.Appendf(nil, "listener %s 127.0.0.1\n%s", port, config))
	cmd := exec.Command("mosquitto", "-v", "-c", conf)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.Contains(lines.Text(), "running") {
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	return "tcp://127.0.0.1:" + port
}

// counting passes everything on to a box and notes which clips' bytes were asked for.
type counting struct {
	url string

	mu    sync.Mutex
	asked map[string]int // by clip id
}

func startCounting(t *testing.T, to string) *counting {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	c := &counting{asked: map[string]int{}}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, ok := strings.CutPrefix(r.URL.Path, "/clips/"); ok && r.Method == http.MethodGet {
			c.mu.Lock()
			c.asked[id[:16]]++
			c.mu.Unlock()
		}
		r.Host = target.Host
		proxy.ServeHTTP(w, r)
	}))
	srv.Config.ErrorLog = nil
	t.Cleanup(srv.Close)
	c.url = srv.URL
	return c
}

// TestPullSurvivesItsOwnKill kills clipctl at 30 random moments. What the ledger has is never asked for again.
func TestPullSurvivesItsOwnKill(t *testing.T) {
	k := startKillable(t, "none")
	const clips = 60
	for i := range clips {
		k.put(t, fmt.Sprintf("front/%02d.mp4", i), long(t, 300_000+i))
	}
	c, dir := startCounting(t, k.url), t.TempDir()
	for i := range clips {
		k.listed(t, fmt.Sprintf("front/%02d.mp4", i))
	}
	kills := 0
	for done := false; !done; {
		before := inLedger(t, dir)
		c.mu.Lock()
		clear(c.asked)
		c.mu.Unlock()
		args := []string{"pull", "--quiet", "--layout", "{path}", "--rate", "40MB", "--url", c.url, "--token", k.token, dir}
		cmd := exec.Command(filepath.Join(programs(t), "clipctl"), args...)
		var errs strings.Builder
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if kills < 30 {
			time.AfterFunc(time.Duration(rand.IntN(40))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			kills++
		}
		done = cmd.Wait() == nil
		if !done && errs.Len() > 0 {
			t.Fatalf("clipctl: %s", errs.String())
		}
		c.mu.Lock()
		for id := range c.asked {
			if before[id] {
				t.Errorf("clip %s was in the ledger and fetched again", id)
			}
		}
		c.mu.Unlock()
	}
	if got := inLedger(t, dir); len(got) != clips || kills < 10 {
		t.Errorf("the ledger has %d clips of %d after %d kills", len(got), clips, kills)
	}
	for i := range clips {
		wantFile(t, filepath.Join(dir, fmt.Sprintf("front/%02d.mp4", i)), long(t, 300_000+i))
	}
}

// inLedger are the ids of the clips that the ledger in dir has.
func inLedger(t *testing.T, dir string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, ".clipctl/ledger"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var l ledgerLine
		if strings.HasSuffix(line, "\n") && decodeLine([]byte(line), &l) && l.Clip != "" {
			if ids[l.Clip] {
				t.Errorf("clip %s is in the ledger twice", l.Clip)
			}
			ids[l.Clip] = true
		}
	}
	return ids
}

func TestPullAcknowledges(t *testing.T) {
	k := startKillable(t, "none")
	body := sampleRecording(t)
	k.record(t, "front/a.mp4", body)
	dir := t.TempDir()
	base := []string{"pull", "--token", k.token, dir}
	if code, _, errs := ctl(t, k.url, base...); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	k.record(t, "front/b.mp4", body)
	if code, _, errs := ctl(t, k.url, append(base, "--ack", "nas")...); code != exitOK {
		t.Fatalf("--ack: exit %d: %s", code, errs)
	}
	b := newBox(mustParse(t, k.url), k.token)
	var consumers json.RawMessage
	if err := b.read(t.Context(), "/api/v1/consumers", nil, &consumers); err != nil || !strings.Contains(string(consumers), `"nas"`) {
		t.Fatalf("consumers: %s (%v)", consumers, err)
	}
	t.Logf("%s", consumers)
}

// Two pullers with one name, into two folders at once: both get every clip, and the box counts each clip once.
func TestTwoPullersWithOneName(t *testing.T) {
	k := startKillable(t, "none")
	body := sampleRecording(t)
	const clips = 10
	for i := range clips {
		k.record(t, fmt.Sprintf("front/%02d.mp4", i), body)
	}
	dirs := []string{t.TempDir(), t.TempDir()}
	var both sync.WaitGroup
	for _, dir := range dirs {
		both.Go(func() {
			var errs strings.Builder
			args := []string{"pull", "--url", k.url, "--token", k.token, "--layout", "{path}", "--ack", "nas", dir}
			if code := run(context.Background(), args, io.Discard, &errs); code != exitOK {
				t.Errorf("pull into %s: exit %d: %s", dir, code, &errs)
			}
		})
	}
	both.Wait()
	for _, dir := range dirs {
		for i := range clips {
			wantFile(t, filepath.Join(dir, fmt.Sprintf("front/%02d.mp4", i)), body)
		}
	}
	var got struct {
		Consumers []struct {
			Name         string
			Acked, Lacks int
		}
	}
	if err := newBox(mustParse(t, k.url), k.token).read(t.Context(), "/api/v1/consumers", nil, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Consumers) != 1 || got.Consumers[0].Acked != clips || got.Consumers[0].Lacks != 0 {
		t.Errorf("consumers: %+v", got.Consumers)
	}
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
