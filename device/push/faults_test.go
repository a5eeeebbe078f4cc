package push

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clipd/store"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

func serve(t testing.TB, fn http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(fn)
	t.Cleanup(s.Close)
	return s.URL
}

// took reads the whole clip and returns it.
func took(r *http.Request) []byte {
	got, _ := io.ReadAll(r.Body)
	return got
}

// TestAnswers has targets that answer badly, each always: the clip is given up with a clear reason, told once.
func TestAnswers(t *testing.T) {
	lie := base64.StdEncoding.EncodeToString(make([]byte, 32))
	header := func(name, value string, code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			took(r)
			w.Header().Set(name, value)
			w.WriteHeader(code)
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		say    string
	}{
		"500":              {header("X", "", 500), "answered 500 Internal Server Error"},
		"403 at once":      {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) }, "answered 403 Forbidden"},
		"307 elsewhere":    {header("Location", "http://elsewhere.example/x?sig=secret", 307), "307 Temporary Redirect to http://elsewhere.example,"},
		"308 circle":       {header("Location", "/again", 308), "redirects in a circle"},
		"307 nowhere":      {header("X", "", 307), "without saying where to"},
		"302":              {header("Location", "/", 302), "answered 302 Found: put the final address"},
		"checksum lies":    {header("X-Amz-Checksum-Sha256", lie, 200), "has something else than was sent"},
		"crc lies":         {header("X-Amz-Checksum-Crc32", "AAAAAA==", 200), "has something else than was sent"},
		"repr-digest lies": {header("Repr-Digest", "crc32c=:AAAAAA==:, sha-256=:"+lie+":", 201), "has something else than was sent"},
		"hangs up":         {func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, "broke off without an answer"},
		"hangs up in its answer": {func(w http.ResponseWriter, r *http.Request) {
			took(r)
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
			panic(http.ErrAbortHandler)
		}, "broke off"},
		"never answers": {func(w http.ResponseWriter, r *http.Request) { took(r); <-r.Context().Done() }, "took the clip and gave no answer for"},
		"stops reading": {func(w http.ResponseWriter, r *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			<-hungUp(conn)
			conn.Close()
		}, "took no byte for"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, to(serve(t, test.answer)))
			b.p.MaxTries = 2
			c := b.clip(t, "front/a.mp4", content(16<<20))
			b.ask(t, c, "nas")
			b.run(t)
			if why := b.died(t); !strings.Contains(why, test.say) || strings.Contains(why, "secret") {
				t.Errorf("%q does not say %q", why, test.say)
			}
			failed := b.events(t, store.PushFailed)
			if len(failed) != 1 || failed[0].Target != "nas" || failed[0].Clip.ID != c.ID || !strings.Contains(failed[0].Reason, test.say) {
				t.Errorf("%+v", failed)
			}
			if got, _, _ := b.Clip(c.ID); got.Pushed || len(b.events(t, store.PushDone)) != 0 {
				t.Error("it counts as pushed")
			}
		})
	}
}

// hungUp is closed when the other end of a connection that is not read has closed it: writing to it tells.
func hungUp(c net.Conn) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		again := time.NewTicker(20 * time.Millisecond)
		defer again.Stop()
		for range 1_000 {
			if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
				return
			}
			<-again.C
		}
	}()
	return gone
}

// TestGoodDigests: a target that says truly what it has has it; a digest of its own answer is not about the clip.
func TestGoodDigests(t *testing.T) {
	b := newBox(t, to(serve(t, func(w http.ResponseWriter, r *http.Request) {
		took(r)
		w.Header().Set("Repr-Digest", r.Header.Get("Repr-Digest"))
		if strings.HasSuffix(r.URL.Path, "b.mp4") {
			w.Header().Set("Repr-Digest", "sha-256=:AAAA:")
			io.WriteString(w, "stored")
		}
	})))
	b.run(t)
	b.ask(t, b.clip(t, "front/a.mp4", content(100)), "nas")
	b.ask(t, b.clip(t, "front/b.mp4", content(100)), "nas")
	b.counts(t, 0, 0)
	if n := len(b.events(t, store.PushDone)); n != 2 {
		t.Fatalf("%d clips arrived", n)
	}
}

func TestRedirectWithinOrigin(t *testing.T) {
	var got []byte
	b := newBox(t, to(serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/final" {
			http.Redirect(w, r, "/final", http.StatusTemporaryRedirect)
			return
		}
		got = took(r)
	})))
	b.run(t)
	want := content(1 << 20)
	b.ask(t, b.clip(t, "front/a.mp4", want), "nas")
	b.counts(t, 0, 0)
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes arrived", len(got))
	}
}

// TestFailingClip: one clip that always fails, and is due first each time, does not keep others.
func TestFailingClip(t *testing.T) {
	b := newBox(t, to(serve(t, func(w http.ResponseWriter, r *http.Request) {
		took(r)
		if strings.HasSuffix(r.URL.Path, "bad.mp4") {
			w.WriteHeader(500)
		}
	})))
	b.p.MaxTries = 5
	bad := b.clip(t, "front/bad.mp4", content(10))
	b.ask(t, bad, "nas")
	for n := range 50 {
		b.ask(t, b.clip(t, fmt.Sprintf("front/%d.mp4", n), content(10)), "nas")
	}
	b.run(t)
	b.counts(t, 0, 1)
	events := append(b.events(t, store.PushDone), b.events(t, store.PushFailed)...)
	if len(events) != 51 || events[50].Clip.ID != bad.ID {
		t.Fatalf("%d clips ended", len(events))
	}
	for _, e := range events[:50] {
		if e.Seq > events[50].Seq {
			t.Fatal("a clip had to wait until the failing one was given up")
		}
	}
	b.ask(t, bad, "nas")
	if p, _ := b.PushesOf(bad.ID); len(p) != 1 || p[0].Dead {
		t.Fatalf("asked for again, it does not live: %+v", p)
	}
}

// TestTargetAway: many clips wait for a target that is off, for longer than all their attempts together would take, and
// none is given up, nor has an attempt counted.
func TestTargetAway(t *testing.T) {
	address := freeAddress(t)
	problems := make(chan string, 10)
	b := newBox(t, func(c *Config) {
		to("http://" + address)(c)
		c.Problem = func(target, text string) { problems <- target + ": " + text }
	})
	for n := range 20 {
		b.ask(t, b.clip(t, fmt.Sprintf("front/%d.mp4", n), content(10)), "nas")
	}
	b.run(t)
	if text := <-problems; !strings.Contains(text, "nas: http://"+address+" cannot be reached") {
		t.Fatal(text)
	}
	_, first := b.Journal()
	for range 30 { // commits, each of one attempt
		<-b.Changed()
	}
	if waiting, dead := b.PushCounts(); waiting != 20 || dead != 0 {
		t.Fatal(waiting, dead)
	}
	pushes, err := b.Pushes("", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pushes {
		if p.Attempts != 0 {
			t.Fatalf("an attempt was counted: %+v", p)
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	b.counts(t, 0, 0)
	if text := <-problems; text != "nas: " {
		t.Fatal(text)
	}
	if _, last := b.Journal(); last != first+20 {
		t.Fatalf("%d events for 20 clips", last-first)
	}
}

// TestBusyTarget: a target that answers everybody badly rests between clips, so that many clips do not each use up their
// attempts at once.
func TestBusyTarget(t *testing.T) {
	var asked atomic.Int64
	b := newBox(t, to(serve(t, func(w http.ResponseWriter, r *http.Request) {
		took(r)
		if asked.Add(1) <= 10 {
			w.WriteHeader(500)
		}
	})))
	for n := range 30 {
		b.ask(t, b.clip(t, fmt.Sprintf("front/%d.mp4", n), content(10)), "nas")
	}
	b.run(t)
	b.counts(t, 0, 0)
	if n := asked.Load(); n != 40 {
		t.Fatalf("%d attempts for 30 clips, of which 10 failed", n)
	}
}

// TestOffAndRestart: what is off stays off over a restart, with its queue, and goes on where it was; an attempt that is
// cut off by either does not count.
func TestOffAndRestart(t *testing.T) {
	begun, gate := make(chan bool, 10), make(chan bool)
	var good atomic.Bool
	b := newBox(t, to(serve(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		if !good.Load() {
			io.CopyN(io.Discard, r.Body, 1000)
			<-gate
			return
		}
		took(r)
	})))
	t.Cleanup(func() { close(gate) })
	b.p.timing.stall = time.Minute
	c := b.clip(t, "front/a.mp4", content(32<<20))
	b.ask(t, c, "nas")
	b.run(t)
	<-begun
	if s := b.p.Status(); len(s) != 1 || s[0].ID != c.ID || s[0].Target != "nas" || s[0].Of != c.Size || s[0].Sent >= c.Size {
		t.Fatalf("%+v", s)
	}
	b.reopen(t) // in the middle of it
	b.p.timing.stall = time.Minute
	b.run(t)
	<-begun
	if err := b.p.SetEnabled(false); err != nil {
		t.Fatal(err)
	}
	b.reopen(t)
	if b.p.Enabled() {
		t.Fatal("it is on again after a restart")
	}
	b.run(t)
	b.ask(t, b.clip(t, "front/b.mp4", content(10)), "nas")
	pushes, err := b.Pushes("", 10)
	if err != nil || len(pushes) != 2 || pushes[0].Attempts+pushes[1].Attempts != 0 {
		t.Fatalf("%+v %v", pushes, err)
	}
	good.Store(true)
	if len(begun) != 0 {
		t.Fatal("it pushes while it is off")
	}
	if err := b.p.SetEnabled(true); err != nil {
		t.Fatal(err)
	}
	b.counts(t, 0, 0)
}

// TestRemovedMeanwhile and TestChangedMeanwhile change the clip while half of it is on its way.
func TestRemovedMeanwhile(t *testing.T) {
	b, c, _ := halfway(t)
	b.apply(t, store.Mark(c.ID, "deleted by hand"))
	if err := b.conf.Root.Remove(c.Path); err != nil {
		t.Fatal(err)
	}
	b.apply(t, store.Forget(c.ID, ""))
	b.counts(t, 0, 0)
	if failed := b.events(t, store.PushFailed); len(failed) != 1 || failed[0].Reason != "the clip was removed" {
		t.Fatalf("%+v", failed)
	}
	if len(b.events(t, store.PushDone)) != 0 {
		t.Fatal("a clip that is gone was pushed")
	}
}

func TestChangedMeanwhile(t *testing.T) {
	b, c, release := halfway(t)
	f, err := os.OpenFile(filepath.Join(b.conf.Root.Dir(), c.Path), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("overwritten"); err != nil {
		t.Fatal(err)
	}
	release()
	if p := b.failing(t); !strings.Contains(p.Error, "changed") || p.Attempts != 1 {
		t.Fatalf("%+v", p)
	}
}

func TestTruncatedMeanwhile(t *testing.T) {
	b, c, release := halfway(t)
	if err := os.Truncate(filepath.Join(b.conf.Root.Dir(), c.Path), 20<<20); err != nil {
		t.Fatal(err)
	}
	release()
	if p := b.failing(t); !strings.Contains(p.Error, "changed while it was being pushed") {
		t.Fatalf("%+v", p)
	}
}

// halfway is a box with a clip on its way to a target that has stopped reading until release.
func halfway(t *testing.T) (b *box, c store.Clip, release func()) {
	t.Helper()
	begun, gate := make(chan bool, 10), make(chan bool)
	b = newBox(t, to(serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, 1<<20)
		begun <- true
		<-gate
		took(r)
	})))
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	b.p.timing.stall = 10 * time.Second
	b.p.timing.least, b.p.timing.most = time.Hour, time.Hour // what the first attempt met is still to be read
	c = b.clip(t, "front/a.mp4", content(32<<20))
	b.ask(t, c, "nas")
	b.run(t)
	<-begun
	return b, c, release
}

// TestClockSetBack: after the clock went back by two weeks, what was put off by seconds is not put off by two weeks.
func TestClockSetBack(t *testing.T) {
	var back atomic.Bool
	var asked atomic.Int64
	b := newBox(t, func(c *Config) {
		to(serve(t, func(w http.ResponseWriter, r *http.Request) {
			took(r)
			if asked.Add(1) == 1 {
				back.Store(true)
				w.WriteHeader(500)
			}
		}))(c)
		c.Clock.Now = func() time.Time {
			if back.Load() {
				return time.Now().Add(-14 * 24 * time.Hour)
			}
			return time.Now()
		}
	})
	b.apply(t, store.Enqueue(store.Push{ID: b.clip(t, "front/a.mp4", content(10)).ID, Target: "nas"}))
	other := b.clip(t, "front/b.mp4", content(10))
	b.ask(t, other, "nas")
	b.run(t)
	b.counts(t, 0, 0)
}

// TestSlowIsNotStalled: a target that takes a clip slowly, but takes it, is never given up on.
func TestSlowIsNotStalled(t *testing.T) {
	var got []byte
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { got = took(r) })
	proxy := startProxy(t, strings.TrimPrefix(server, "http://"))
	poison(t, proxy, `{"name":"slow","type":"bandwidth","stream":"upstream","attributes":{"rate":190}}`)
	b := newBox(t, to("http://"+proxy.Listen))
	want := content(1 << 20)
	c := b.clip(t, "front/a.mp4", want)
	b.ask(t, c, "nas")
	began := time.Now()
	b.run(t)
	b.counts(t, 0, 0)
	if took := time.Since(began); took < 3*quick.stall || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes in %v: too fast to prove anything", len(got), took)
	}
	if strings.Contains(b.said.String(), "attempt=2") {
		t.Fatal("it took a second attempt")
	}
}

// TestLineCut cuts the line in the middle of a clip, and mends it.
func TestLineCut(t *testing.T) {
	var got []byte
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { got = took(r) })
	proxy := startProxy(t, strings.TrimPrefix(server, "http://"))
	poison(t, proxy, `{"name":"cut","type":"limit_data","stream":"upstream","attributes":{"bytes":300000}}`)
	b := newBox(t, to("http://"+proxy.Listen))
	b.p.MaxTries = 1000
	want := content(16 << 20)
	b.ask(t, b.clip(t, "front/a.mp4", want), "nas")
	b.run(t)
	if p := b.failing(t); !strings.Contains(p.Error, "broke off without an answer") {
		t.Fatalf("%+v", p)
	}
	if err := proxy.Toxics.RemoveToxic(t.Context(), "cut"); err != nil {
		t.Fatal(err)
	}
	b.counts(t, 0, 0)
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes arrived", len(got))
	}
}

func startProxy(t *testing.T, upstream string) *toxiproxy.Proxy {
	t.Helper()
	proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "line", "127.0.0.1:0", upstream)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	return proxy
}

func poison(t *testing.T, proxy *toxiproxy.Proxy, toxic string) {
	t.Helper()
	if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		t.Fatal(err)
	}
}

// TestRate measures the limit, of which an eighth of a second may go at once.
func TestRate(t *testing.T) {
	const rate, size = 2 << 20, 2 << 20
	var got []byte
	b := newBox(t, func(c *Config) {
		to(serve(t, func(w http.ResponseWriter, r *http.Request) { got = took(r) }))(c)
		c.Rate = rate
	})
	b.ask(t, b.clip(t, "front/a.mp4", content(size)), "nas")
	began := time.Now()
	b.run(t)
	b.counts(t, 0, 0)
	took := time.Since(began)
	if len(got) != size || took < 850*time.Millisecond || took > 1500*time.Millisecond {
		t.Fatalf("%d bytes in %v, at %d bytes per second", len(got), took, rate)
	}
}
