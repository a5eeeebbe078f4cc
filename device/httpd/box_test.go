package httpd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"clipd/device/api"
	"clipd/device/clock"
	"clipd/device/link"
	"clipd/device/root"
	"clipd/store"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// box is a real catalogue, root and server on loopback.
type box struct {
	t      testing.TB
	dir    string // the root
	state  string
	cfg    Config
	store  *store.Store
	server *Server
	url    string
	// secureURL is where it speaks HTTPS, if its Config has TLS.
	secureURL string
	secret    map[store.Role]string
	now       *testClock
	log       *testLog
	saved     saved
	stop      func()
}

var start = time.Date(2026, 11, 22, 7, 55, 1, 0, time.UTC)

// newBox serves a box without clips until the test ends.
func newBox(t testing.TB, change ...func(*Config)) *box {
	t.Helper()
	b := &box{t: t, dir: t.TempDir(), state: t.TempDir(), now: &testClock{now: start.Add(time.Hour), synced: true}, log: &testLog{}}
	b.open()
	for _, c := range change {
		c(&b.cfg)
	}
	b.serve()
	return b
}

func (b *box) open() {
	b.t.Helper()
	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := b.now.clock()
	s, _, err := store.Open(context.Background(), store.Options{Dir: b.state, Now: c.Now, Synced: c.Synced, BootID: c.Boot, Log: log})
	b.must(err)
	b.t.Cleanup(func() { s.Close() })
	tokens, err := store.OpenTokens(b.state, c.Now)
	b.must(err)
	key, err := store.LinkKey(b.state)
	b.must(err)
	r := root.New(b.dir, s, log)
	if st := r.Look(context.Background()); !st.Present {
		b.t.Fatalf("the root is not there: %s", st.Problem)
	}
	b.store = s
	b.cfg = Config{
		Store: s, Tokens: tokens, Links: link.New(key, c), Root: r, Clock: c, Log: log, Location: time.UTC,
		Box: api.Box{ID: "0123456789ab", Name: "porch", Generation: s.Generation()}, Version: "test",
		SessionKey: bytes.Repeat([]byte{7}, 32),
		Remove:     b.remove, Adopt: r.Adopt, RotateLinks: b.rotate, Push: b.push, Ack: b.ack,
		Status: b.status, Settings: b.saved.told, SaveSettings: b.saved.patch, ConfirmSettings: b.saved.confirm, LogTail: b.log.WriteTo,
		Retention: func() (api.Retention, error) { return retention, nil }, ConfirmRetention: b.confirmRetention,
		Update: func(io.Reader, bool) (api.Update, error) { return api.Update{From: "1.0", Version: "1.1"}, nil },
	}
	b.addTokens()
}

func (b *box) addTokens() {
	b.secret = map[store.Role]string{}
	for _, role := range []store.Role{store.Viewer, store.Operator, store.Admin} {
		secret, err := b.cfg.Tokens.Add("the "+role.String(), role)
		b.must(err)
		b.secret[role] = secret
	}
}

// serve starts the server and waits for its end when the test ends.
func (b *box) serve() {
	b.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	b.must(err)
	b.server, err = New(b.cfg)
	b.must(err)
	b.url = "http://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	secure := b.listenTLS()
	go func() { done <- b.server.Serve(ctx, ln, secure) }()
	var once sync.Once
	b.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				b.t.Errorf("Serve: %v", err)
			}
		})
	}
	b.t.Cleanup(b.stop)
}

func (b *box) listenTLS() net.Listener {
	b.t.Helper()
	if b.cfg.TLS == nil {
		return nil
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	b.must(err)
	b.secureURL = "https://" + ln.Addr().String()
	return ln
}

func (b *box) remove(ctx context.Context, id store.ID, reason string) error {
	c, _, err := b.store.Clip(id)
	if err != nil {
		return err
	}
	if err := b.cfg.Root.Remove(c.Path); err != nil {
		return err
	}
	return b.store.Apply(ctx, store.Forget(id, reason))
}

func (b *box) rotate(context.Context) error {
	key, err := store.RotateLinkKey(b.state)
	if err == nil {
		b.cfg.Links.Rotate(key)
	}
	return err
}

func (b *box) status() api.Status {
	t, _ := b.store.Totals()
	return api.Status{State: api.State{Clips: t.Clips, BytesUsed: t.Bytes, Problems: []string{}}, Version: "test"}
}

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// content is n bytes, the same each time, that repeat nowhere.
func content(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

// file puts data below the root.
func (b *box) file(path string, data []byte) {
	b.t.Helper()
	name := filepath.Join(b.dir, path)
	b.must(os.MkdirAll(filepath.Dir(name), 0o755))
	b.must(os.WriteFile(name, data, 0o644))
}

// clip puts a file below the root and a clip about it into the catalogue.
func (b *box) clip(path string, data []byte, change ...func(*store.Clip)) store.Clip {
	b.t.Helper()
	b.file(path, data)
	c := b.row(path, data)
	for _, f := range change {
		f(&c)
	}
	b.must(b.store.Apply(context.Background(), store.Add(c, store.Live)))
	return c
}

// row is the clip that the file at path is.
func (b *box) row(path string, data []byte) store.Clip {
	b.t.Helper()
	fi, err := os.Stat(filepath.Join(b.dir, path))
	b.must(err)
	camera, _, _ := strings.Cut(path, "/")
	return store.Clip{
		ID: store.MakeID(path, fi.Size(), fi.ModTime()), Path: path, Camera: camera, Size: fi.Size(), Mtime: fi.ModTime(),
		MediaType: "video/mp4", Start: start, StartSource: "container", Duration: time.Minute, Width: 1920, Height: 1080,
		VideoCodec: "h264", Complete: true, Hashed: true, SHA256: sha256.Sum256(data), CRC32: crc32.ChecksumIEEE(data),
		BootID: "boot", ClockSynced: true,
	}
}

// many puts n clips into the catalogue that have no files, a minute apart, the newest last.
func (b *box) many(n int, camera func(i int) string) []store.Clip {
	b.t.Helper()
	clips := make([]store.Clip, n)
	ops := make([]store.Op, n)
	for i := range clips {
		at := start.Add(time.Duration(i) * time.Minute)
		path := fmt.Sprintf("%s/%05d.mp4", camera(i), i)
		clips[i] = store.Clip{
			ID: store.MakeID(path, 1000, at), Path: path, Camera: camera(i), Size: 1000, Mtime: at, MediaType: "video/mp4",
			Start: at, StartSource: "mtime", Duration: time.Minute, Complete: true, BootID: "boot", ClockSynced: true,
		}
		ops[i] = store.Add(clips[i], store.Live)
	}
	for len(ops) > 0 {
		some := min(len(ops), 500)
		b.must(b.store.Apply(context.Background(), ops[:some]...))
		ops = ops[some:]
	}
	return clips
}

// An answer is a response whose body has been read.
type answer struct {
	*http.Response
	body []byte
}

// request makes a request; pairs are header names and values.
func (b *box) request(method, path string, body io.Reader, pairs ...string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequest(method, b.url+path, body)
	b.must(err)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == "Host" {
			r.Host = pairs[i+1]
			continue
		}
		r.Header.Set(pairs[i], pairs[i+1])
	}
	return r
}

// do sends r, follows nothing, and holds the answer against openapi.yaml.
func (b *box) do(r *http.Request) answer {
	b.t.Helper()
	resp, err := client.Do(r)
	b.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	b.must(err)
	conforms(b.t, r, resp, body)
	return answer{resp, body}
}

func (b *box) ask(role store.Role, method, path string, body string, pairs ...string) answer {
	b.t.Helper()
	r := b.request(method, path, strings.NewReader(body), pairs...)
	if role != store.NoRole {
		r.Header.Set("Authorization", "Bearer "+b.secret[role])
	}
	return b.do(r)
}

func (b *box) get(path string, pairs ...string) answer {
	b.t.Helper()
	return b.ask(store.Viewer, "GET", path, "", pairs...)
}

var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       30 * time.Second,
}

// is checks status and, for problems, the slug.
func (a answer) is(t testing.TB, status int, slug string) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: got %d, want %d: %s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.body)
	}
	if slug != "" && !strings.Contains(string(a.body), `"type":"`+slug+`"`) {
		t.Fatalf("%s %s: want the problem %s, got %s", a.Request.Method, a.Request.URL, slug, a.body)
	}
	return a
}

func (a answer) header(t testing.TB, name, want string) {
	t.Helper()
	if got := a.Header.Get(name); got != want {
		t.Errorf("%s %s: %s: got %q, want %q", a.Request.Method, a.Request.URL, name, got, want)
	}
}

// signedIn is the cookie of a browser that signed in as role.
func (b *box) signedIn(role store.Role) string {
	b.t.Helper()
	w := httptest.NewRecorder()
	for _, t := range b.cfg.Tokens.List() {
		if t.Name == "the "+role.String() {
			b.server.sessions.start(w, httptest.NewRequest("GET", "/", nil), t)
		}
	}
	return strings.Split(w.Result().Header.Get("Set-Cookie"), ";")[0]
}

func linkOf(b *box, what link.What, c store.Clip, ttl time.Duration) string {
	q, _ := b.cfg.Links.Sign(what, c.ID, ttl)
	if what == link.Poster {
		return api.PosterPath(c) + "?" + q
	}
	return api.ClipPath(c) + "?" + q
}

func form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

// testClock is wall time that a test sets.
type testClock struct {
	mu     sync.Mutex
	now    time.Time
	synced bool
}

func (c *testClock) clock() clock.Clock {
	return clock.Clock{
		Now:    func() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now },
		Synced: func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.synced },
		Boot:   "boot",
		Uptime: func() time.Duration { return time.Hour },
	}
}

func (c *testClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// testLog keeps what was logged, and tells who waits for a line.
type testLog struct {
	mu    sync.Mutex
	text  strings.Builder
	watch []watched
}

type watched struct {
	part string
	seen chan struct{}
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	kept := l.watch[:0]
	for _, w := range l.watch {
		if strings.Contains(string(p), w.part) {
			close(w.seen)
			continue
		}
		kept = append(kept, w)
	}
	l.watch = kept
	return len(p), nil
}

// line returns a channel that is closed when part is logged.
func (l *testLog) line(part string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := make(chan struct{})
	if strings.Contains(l.text.String(), part) {
		close(seen)
		return seen
	}
	l.watch = append(l.watch, watched{part, seen})
	return seen
}

func (l *testLog) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), part)
}

// await fails the test if c is not closed soon.
func await(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited in vain for %s", what)
	}
}

// missing skips a test that needs what is not there; in CI it fails instead.
func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}
