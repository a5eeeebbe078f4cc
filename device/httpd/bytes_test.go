package httpd

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/device/link"
	"clipd/store"
)

func TestBytesSayWhatTheyAre(t *testing.T) {
	b := newBox(t)
	data := content(5000)
	c := b.clip(`front/7 "Uhr" ünter%20.mp4`, data)
	sum := sha256.Sum256(data)
	a := b.get(api.ClipPath(c)).is(t, 200, "")
	if !bytes.Equal(a.body, data) {
		t.Error("the body is not the file")
	}
	a.header(t, "Content-Type", "video/mp4")
	a.header(t, "ETag", `"`+c.ID.String()+`"`)
	a.header(t, "Content-Length", "5000")
	a.header(t, "Accept-Ranges", "bytes")
	a.header(t, "Cache-Control", "private, max-age=31536000, immutable")
	a.header(t, "Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
	a.header(t, "X-Content-Type-Options", "nosniff")
	a.header(t, "Last-Modified", c.Mtime.UTC().Format(http.TimeFormat))
	a.header(t, "Content-Disposition", `inline; filename="7 _Uhr_ _nter_20.mp4"; filename*=UTF-8''7%20%22Uhr%22%20%C3%BCnter%2520.mp4`)
	kind, p, err := mime.ParseMediaType(b.get(api.ClipPath(c)+"?download=1").is(t, 200, "").Header.Get("Content-Disposition"))
	if err != nil || kind != "attachment" || p["filename"] != `7 "Uhr" ünter%20.mp4` {
		t.Errorf("Content-Disposition: %s %q %v", kind, p["filename"], err)
	}
}

func TestBytesOfWhatIsNotHashedOrProbedYet(t *testing.T) {
	b := newBox(t)
	b.file("front/a.mkv", content(100))
	c := b.row("front/a.mkv", content(100))
	b.must(b.store.Apply(t.Context(), store.See(store.Clip{ID: c.ID, Path: c.Path, Camera: c.Camera, Size: c.Size, Mtime: c.Mtime, Start: c.Start})))
	a := b.get(api.ClipPath(c)).is(t, 200, "")
	a.header(t, "Content-Type", "video/x-matroska")
	a.header(t, "Repr-Digest", "")
	if n := strings.Count(string(b.get("/api/v1/clips").is(t, 200, "").body), `"id"`); n != 0 {
		t.Errorf("%d clips are listed that are only seen", n)
	}
}

func TestNameInTheAddressIsCosmetic(t *testing.T) {
	b := newBox(t)
	c := b.clip("front/a.mp4", content(100))
	for _, name := range []string{"a.mp4", "b", "..%2f..%2fetc%2fpasswd", "%00", strings.Repeat("n", 4<<10)} {
		if a := b.get("/clips/"+c.ID.String()+"/"+name).is(t, 200, ""); len(a.body) != 100 {
			t.Errorf("%.20s: %d bytes", name, len(a.body))
		}
	}
}

func TestRanges(t *testing.T) {
	b := newBox(t)
	data := content(1000)
	c := b.clip("front/a.mp4", data)
	for _, v := range []struct {
		ask, contentRange string
		status            int
		want              []byte
	}{
		{"bytes=0-99", "bytes 0-99/1000", 206, data[:100]},
		{"bytes=900-", "bytes 900-999/1000", 206, data[900:]},
		{"bytes=-100", "bytes 900-999/1000", 206, data[900:]},
		{"bytes=-5000", "bytes 0-999/1000", 206, data},
		{"bytes=500-5000", "bytes 500-999/1000", 206, data[500:]},
		{"Bytes=0-0", "bytes 0-0/1000", 206, data[:1]},
		{"bytes=1000-", "bytes */1000", 416, nil},
		{"bytes=99999999999999999999-", "bytes */1000", 416, nil},
		{"bytes=5-1", "bytes */1000", 416, nil},
		{"bytes=x", "bytes */1000", 416, nil},
		{"items=0-5", "", 200, data},
		{"nonsense", "", 200, data},
	} {
		a := b.get(api.ClipPath(c), "Range", v.ask)
		if a.StatusCode != v.status || v.want != nil && !bytes.Equal(a.body, v.want) {
			t.Errorf("Range %s: got %d and %d bytes, want %d and %d", v.ask, a.StatusCode, len(a.body), v.status, len(v.want))
		}
		a.header(t, "Content-Range", v.contentRange)
		if v.status == 416 {
			a.is(t, 416, "range-not-satisfiable").header(t, "Content-Type", "application/problem+json")
		}
	}
}

func TestSeveralRanges(t *testing.T) {
	b := newBox(t)
	data := content(1000)
	c := b.clip("front/a.mp4", data)
	a := b.get(api.ClipPath(c), "Range", "bytes=0-9,500-509,-10").is(t, 206, "")
	_, p, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	b.must(err)
	parts := multipart.NewReader(bytes.NewReader(a.body), p["boundary"])
	for _, want := range [][]byte{data[:10], data[500:510], data[990:]} {
		part, err := parts.NextPart()
		b.must(err)
		if got, _ := io.ReadAll(part); !bytes.Equal(got, want) || part.Header.Get("Content-Type") != "video/mp4" {
			t.Errorf("part %s: %q, want %q", part.Header.Get("Content-Range"), got, want)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("there is more than three parts: %v", err)
	}
	b.get(api.ClipPath(c), "Range", "bytes=2000-,3000-").is(t, 416, "range-not-satisfiable")
}

func TestConditionalRequests(t *testing.T) {
	b := newBox(t)
	c := b.clip("front/a.mp4", content(1000))
	tag := `"` + c.ID.String() + `"`
	for _, v := range []struct {
		status int
		pairs  []string
	}{
		{304, []string{"If-None-Match", tag}},
		{304, []string{"If-None-Match", `"other", ` + tag}},
		{304, []string{"If-None-Match", tag, "Range", "bytes=5000-"}},
		{200, []string{"If-None-Match", `"other"`}},
		{206, []string{"If-Range", tag, "Range", "bytes=0-9"}},
		{200, []string{"If-Range", `"other"`, "Range", "bytes=0-9"}},
		{200, []string{"If-Range", `"other"`, "Range", "bytes=5000-"}},
		{416, []string{"If-Range", tag, "Range", "bytes=5000-"}},
		{412, []string{"If-Match", `"other"`, "Range", "bytes=5000-"}},
		{304, []string{"If-Modified-Since", c.Mtime.UTC().Format(http.TimeFormat)}},
	} {
		if a := b.get(api.ClipPath(c), v.pairs...); a.StatusCode != v.status {
			t.Errorf("%q: got %d, want %d", v.pairs, a.StatusCode, v.status)
		}
	}
	head := b.ask(store.Viewer, "HEAD", api.ClipPath(c), "", "Range", "bytes=0-9")
	head.header(t, "ETag", tag)
	if len(head.body) != 0 {
		t.Error("HEAD has a body")
	}
}

func TestFileThatIsNotTheOneInTheCatalogueIsGone(t *testing.T) {
	for name, swap := range map[string]func(name string) error{
		"deleted":   os.Remove,
		"truncated": func(name string) error { return os.Truncate(name, 10) },
		"touched":   func(name string) error { return os.Chtimes(name, start, start) },
		"longer, with its old time": func(name string) error {
			fi, err := os.Stat(name)
			if err != nil {
				return err
			}
			if err := os.Truncate(name, 2000); err != nil {
				return err
			}
			return os.Chtimes(name, fi.ModTime(), fi.ModTime())
		},
		"replaced": func(name string) error {
			if err := os.Rename(name, name+".old"); err != nil {
				return err
			}
			return os.WriteFile(name, content(1000), 0o644)
		},
		"a FIFO":    func(name string) error { os.Remove(name); return syscall.Mkfifo(name, 0o644) },
		"a symlink": func(name string) error { os.Rename(name, name+".old"); return os.Symlink(name+".old", name) },
		"a folder":  func(name string) error { os.Remove(name); return os.Mkdir(name, 0o755) },
		"its folder is a link away": func(name string) error {
			dir := filepath.Dir(name)
			if err := os.Rename(dir, dir+".real"); err != nil {
				return err
			}
			return os.Symlink(dir+".real", dir)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			c := b.clip("front/a.mp4", content(1000))
			b.get(api.ClipPath(c)).is(t, 200, "")
			b.must(swap(filepath.Join(b.dir, c.Path)))
			b.get(api.ClipPath(c)).is(t, 410, "gone")
		})
	}
}

func TestRootAway(t *testing.T) {
	b := newBox(t)
	c := b.clip("front/a.mp4", content(1000))
	b.must(os.Rename(b.dir, b.dir+".away"))
	t.Cleanup(func() { os.RemoveAll(b.dir + ".away") })
	b.cfg.Root.Look(t.Context())
	a := b.get(api.ClipPath(c)).is(t, 503, "storage-problem")
	a.header(t, "Retry-After", "30")
	b.ask(store.Operator, "DELETE", "/api/v1/clips/"+c.ID.String(), "").is(t, 503, "storage-problem")
	b.get("/api/v1/clips/"+c.ID.String()).is(t, 200, "")
	if page := b.get("/").is(t, 200, ""); !strings.Contains(string(page.body), `class="notice"`) {
		t.Error("the page does not say that the root is away")
	}
}

func TestPoster(t *testing.T) {
	b := newBox(t)
	picture := []byte("\xff\xd8\xff\xe0 picture")
	b.file("front/a.jpg", picture)
	c := b.clip("front/a.mp4", content(10), func(c *store.Clip) { c.Sidecars, c.Poster = []string{"front/a.jpg"}, "front/a.jpg" })
	bare := b.clip("front/b.mp4", content(10))
	a := b.get(api.PosterPath(c)).is(t, 200, "")
	a.header(t, "Content-Type", "image/jpeg")
	a.header(t, "Cache-Control", "private, max-age=3600")
	if !bytes.Equal(a.body, picture) {
		t.Error("that is not the picture")
	}
	b.get("/posters/"+bare.ID.String()+".jpg").is(t, 404, "not-found")
	b.must(os.WriteFile(filepath.Join(b.dir, "front/a.jpg"), append(picture, '!'), 0o644))
	if again := b.get(api.PosterPath(c), "If-None-Match", a.Header.Get("ETag")); again.StatusCode != 200 {
		t.Errorf("a new picture under the old tag: %d", again.StatusCode)
	}
	b.must(os.Remove(filepath.Join(b.dir, "front/a.jpg")))
	b.get(api.PosterPath(c)).is(t, 410, "gone")
}

// slow reads a little of a clip's bytes and leaves the rest for later.
func (b *box) slow(c store.Clip) *http.Response {
	b.t.Helper()
	r := b.request("GET", api.ClipPath(c), nil, "Authorization", "Bearer "+b.secret[store.Viewer])
	resp, err := client.Do(r)
	b.must(err)
	b.t.Cleanup(func() { resp.Body.Close() })
	if _, err := io.CopyN(io.Discard, resp.Body, 1000); err != nil {
		b.t.Fatal(err)
	}
	return resp
}

// more than a socket's buffers hold
const large = 24 << 20

// What happens to a name does not reach a transfer that is under way.
func TestFileThatLosesItsNameIsDeliveredWhole(t *testing.T) {
	for name, lose := range map[string]func(name string) error{
		"unlinked":       os.Remove,
		"renamed":        func(name string) error { return os.Rename(name, name+".old") },
		"now a FIFO":     func(name string) error { return errors.Join(os.Remove(name), syscall.Mkfifo(name, 0o644)) },
		"now a folder":   func(name string) error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o755)) },
		"now a link":     func(name string) error { return errors.Join(os.Remove(name), os.Symlink("/etc/passwd", name)) },
		"now another":    func(name string) error { return errors.Join(os.Remove(name), os.WriteFile(name, content(10), 0o644)) },
		"folder renamed": func(name string) error { return os.Rename(filepath.Dir(name), filepath.Dir(name)+".old") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			c := b.clip("front/a.mp4", content(large))
			resp := b.slow(c)
			b.must(lose(filepath.Join(b.dir, c.Path)))
			rest, err := io.ReadAll(resp.Body)
			if err != nil || !bytes.Equal(rest, content(large)[1000:]) {
				t.Errorf("got %d more bytes and %v, want %d", len(rest), err, large-1000)
			}
			b.get(api.ClipPath(c)).is(t, 410, "gone")
		})
	}
}

func TestTruncatedFileEndsTheConnection(t *testing.T) {
	b := newBox(t)
	c := b.clip("front/a.mp4", content(large))
	resp := b.slow(c)
	b.must(os.Truncate(filepath.Join(b.dir, c.Path), large/2))
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("a truncated file looked whole, %d bytes", n)
	}
	await(t, "the log line", b.log.line("truncated"))
	if b.log.has("panic") {
		t.Error("something panicked")
	}
}

func TestTooManyTransfers(t *testing.T) {
	b := newBox(t, func(c *Config) { c.MaxTransfers = 1 })
	c, short := b.clip("front/a.mp4", content(large)), b.clip("front/b.mp4", content(10))
	resp := b.slow(c)
	if n := b.server.Transfers(); n != 1 {
		t.Errorf("%d transfers, want 1", n)
	}
	if !b.server.Fetching(c.ID) || b.server.Fetching(short.ID) {
		t.Error("not the one clip is said to be fetched that is")
	}
	for _, other := range []store.Clip{c, short} {
		a := b.get(api.ClipPath(other)).is(t, 503, "busy")
		a.header(t, "Retry-After", "5")
		for _, key := range []string{"ETag", "Repr-Digest", "Content-Disposition", "Last-Modified", "Accept-Ranges"} {
			a.header(t, key, "")
		}
	}
	b.ask(store.Viewer, "HEAD", api.ClipPath(c), "").is(t, 200, "")
	b.get("/api/v1/clips").is(t, 200, "")
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	b.eventually("the place is free again", func() bool { return b.server.Transfers() == 0 && !b.server.Fetching(c.ID) })
	b.get(api.ClipPath(c)).is(t, 200, "")
}

// eventually waits for a condition that nothing signals, without sleeping: it asks the server something in between.
func (b *box) eventually(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			b.t.Fatalf("waited in vain until %s", what)
		}
		b.get("/healthz")
	}
}

func TestSignedLinks(t *testing.T) {
	b := newBox(t)
	b.file("front/a.jpg", []byte("\xff\xd8\xff"))
	c := b.clip("front/a.mp4", content(1000), func(c *store.Clip) { c.Sidecars, c.Poster = []string{"front/a.jpg"}, "front/a.jpg" })
	other := b.clip("front/b.mp4", content(1001))
	good := linkOf(b, link.Clip, c, time.Hour)
	nobody := func(method, path string, pairs ...string) answer {
		return b.ask(store.NoRole, method, path, "", pairs...)
	}

	a := nobody("GET", good).is(t, 200, "")
	a.header(t, "Cache-Control", "public, max-age=3600, immutable")
	nobody("HEAD", good).is(t, 200, "")
	nobody("GET", good, "Range", "bytes=0-9").is(t, 206, "")
	nobody("GET", linkOf(b, link.Poster, c, time.Hour)).is(t, 200, "").header(t, "Cache-Control", "public, max-age=3600")
	nobody("GET", strings.Replace(good, "exp=", "download=1&exp=", 1)).is(t, 200, "")

	query := good[strings.Index(good, "?"):]
	for name, path := range map[string]string{
		"of another clip":      api.ClipPath(other) + query,
		"of the poster":        api.PosterPath(c) + query,
		"with a later expiry":  strings.Replace(good, "exp=", "exp=9", 1),
		"with a forged sig":    good[:len(good)-2] + "zz",
		"with an empty sig":    good[:strings.Index(good, "sig=")+4],
		"for a clip unknown":   "/clips/0123456789abcdef/a" + query,
		"for a malformed clip": "/clips/zz/a" + query,
	} {
		if a := nobody("GET", path); a.StatusCode != 403 || !strings.Contains(string(a.body), "link-invalid") {
			t.Errorf("a link %s: %d %s", name, a.StatusCode, a.body)
		}
	}
	nobody("DELETE", "/api/v1/clips/"+c.ID.String()+query).is(t, 401, "unauthorized")
	nobody("GET", "/api/v1/clips/"+c.ID.String()+query).is(t, 401, "unauthorized")
	nobody("POST", good).is(t, 405, "")
	if page := nobody("GET", good[:len(good)-2]+"zz", "Accept", "text/html,*/*").is(t, 403, ""); !strings.Contains(string(page.body), "This link is not valid") {
		t.Errorf("a browser is not told: %s", page.body)
	}

	b.now.add(time.Hour + time.Second)
	nobody("GET", good).is(t, 403, "link-expired")
	b.get(good).is(t, 200, "") // a token opens it all the same
	nobody("GET", good, "Cookie", b.signedIn(store.Viewer)).is(t, 200, "")
	fresh := linkOf(b, link.Clip, c, time.Hour)
	b.ask(store.Admin, "POST", "/api/v1/links/revoke", "").is(t, 204, "")
	nobody("GET", fresh).is(t, 403, "link-invalid")
	nobody("GET", linkOf(b, link.Clip, c, time.Hour)).is(t, 200, "")
}
