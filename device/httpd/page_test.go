package httpd

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// page opens path as a signed-in browser does.
func (b *box) page(path string) string {
	b.t.Helper()
	a := b.ask(store.NoRole, "GET", path, "", "Cookie", b.signedIn(store.Viewer), "Accept", "text/html").is(b.t, 200, "")
	a.header(b.t, "Content-Type", "text/html; charset=utf-8")
	return string(a.body)
}

var hrefs = regexp.MustCompile(`(?:href|src|action|poster)="([^"]*)"`)

// linksOf are the addresses in a page at path, made absolute, but for those within the page.
func linksOf(t testing.TB, path, text string) []string {
	t.Helper()
	base, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range hrefs.FindAllStringSubmatch(text, -1) {
		u, err := base.Parse(html.UnescapeString(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		if u.Fragment == "" {
			all = append(all, u.String())
		}
	}
	return all
}

func TestThePageListsPlaysAndDownloads(t *testing.T) {
	b := newBox(t)
	b.file("front/a.jpg", []byte("\xff\xd8\xff"))
	c := b.clip("front/a.mp4", content(1234567), func(c *store.Clip) { c.Sidecars, c.Poster = []string{"front/a.jpg"}, "front/a.jpg" })
	b.clip("back/b.mp4", content(10), func(c *store.Clip) { c.Start = start.AddDate(0, 0, -1) })
	list := b.page("/")
	for _, part := range []string{"Today", "Yesterday", "07:55:01", "1.2 MB", "1:00", "2 clips, 1.2 MB", "All cameras", api.PosterPath(c)} {
		if !strings.Contains(list, part) {
			t.Errorf("the list does not say %q", part)
		}
	}
	play := b.page("/?clip=" + c.ID.String())
	if !strings.Contains(play, "<video") || !strings.Contains(play, "1920×1080 · h264") {
		t.Errorf("the player: %s", play)
	}
	for _, address := range append(linksOf(t, "/", list), linksOf(t, "/", play)...) {
		if address == "/logout" || address == "/archive.zip" { // a POST; everything there is
			continue
		}
		b.ask(store.NoRole, "GET", address, "", "Cookie", b.signedIn(store.Viewer)).is(t, 200, "")
	}
}

func TestThePageGoesBackInTime(t *testing.T) {
	b := newBox(t)
	clips := b.many(100, func(i int) string { return []string{"front", "back"}[i%2] })
	seen, path := map[string]bool{}, "/?camera=front"
	for path != "" {
		text := b.page(path)
		next := ""
		for _, address := range linksOf(t, path, text) {
			if strings.Contains(address, "clip=") {
				u, _ := url.Parse(address)
				seen[u.Query().Get("clip")] = true
			}
			if strings.Contains(address, "cursor=") {
				next = address
			}
		}
		path = next
	}
	for i, c := range clips {
		if seen[c.ID.String()] != (c.Camera == "front") {
			t.Errorf("clip %d of %s: shown %v", i, c.Camera, seen[c.ID.String()])
		}
	}
}

func TestThePlayerStepsThroughEveryClip(t *testing.T) {
	b := newBox(t)
	clips := b.many(40, func(i int) string { return []string{"front", "back"}[i%2] })
	same := start.Add(10 * time.Hour)
	for _, camera := range []string{"one", "two", "three"} { // begun in the same instant
		clips = append(clips, b.clip(camera+"/x.mp4", content(10), func(c *store.Clip) { c.Start = same }))
	}
	walk := func(camera string, step func(c store.Clip) (store.ID, error)) int {
		id, n := b.store.Latest, 0
		c, err := id(camera)
		for ; err == nil; n++ {
			var next store.ID
			if next, err = step(c); err != nil || next.IsZero() || n > len(clips) {
				break
			}
			c, _, err = b.store.Clip(next)
		}
		b.must(err)
		return n + 1
	}
	for camera, want := range map[string]int{"": len(clips), "front": 20, "two": 1} {
		older := func(c store.Clip) (store.ID, error) {
			_, older, err := b.server.neighbours(c, filter{camera: camera})
			return older, err
		}
		if got := walk(camera, older); got != want {
			t.Errorf("stepping back through %q passes %d clips, want %d", camera, got, want)
		}
	}
	newer, older, err := b.server.neighbours(clips[5], filter{})
	if err != nil || newer != clips[6].ID || older != clips[4].ID {
		t.Errorf("beside clip 5: %v %v %v", newer, older, err)
	}
}

func TestStrangersSeeTheWayIn(t *testing.T) {
	b := newBox(t)
	c := b.clip("front/secret.mp4", content(10))
	for _, path := range []string{"/", "/login", "/?clip=" + c.ID.String()} {
		a := b.ask(store.NoRole, "GET", path, "", "Accept", "text/html").is(t, 200, "")
		if text := string(a.body); !strings.Contains(text, `name="token"`) || strings.Contains(text, "front") || strings.Contains(text, "Sign out") {
			t.Errorf("%s: %s", path, text)
		}
	}
	a := b.ask(store.NoRole, "GET", api.ClipPath(c), "", "Accept", "text/html").is(t, 401, "")
	for _, address := range linksOf(t, api.ClipPath(c), string(a.body)) {
		if !strings.HasPrefix(address, "/web/") && address != "/" && address != "/login" {
			t.Errorf("the sign-in page below a path refers to %s", address)
		}
	}
	b.ask(store.NoRole, "GET", "/", "", "Authorization", "Bearer nonsense").is(t, 401, "unauthorized")
	text := string(b.ask(store.NoRole, "POST", "/login", form("token", "x"), "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded").is(t, 401, "").body)
	if !strings.Contains(text, "This token is not known") || !strings.Contains(text, `name="token"`) {
		t.Errorf("after a wrong token: %s", text)
	}
}

// scripts are elements of a script but for those of the layout, which come from the box.
var scripts = regexp.MustCompile(`<script(?: [^t]|>| type="module" src="[^"]*[^"\w./-])`)

func TestPagesRunNothingAndHideNothing(t *testing.T) {
	b := newBox(t)
	evil := `"><script>alert(1)</script>`
	c := b.clip("cam/"+evil[:8]+"x.mp4", content(10), func(c *store.Clip) { c.Camera, c.VideoCodec = evil, evil })
	for _, path := range []string{"/", "/?clip=" + c.ID.String(), "/?" + form("camera", evil), "/?clip=<script>", "/nothing"} {
		a := b.ask(store.NoRole, "GET", path, "", "Cookie", b.signedIn(store.Viewer), "Accept", "text/html")
		if scripts.MatchString(string(a.body)) || strings.Contains(string(a.body), "style=") || strings.Contains(string(a.body), "<style") {
			t.Errorf("%s has something that runs: %s", path, a.body)
		}
		if csp := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: the policy is %q", path, csp)
		}
	}
}

func TestAnEmptyBoxSaysWhatToDo(t *testing.T) {
	b := newBox(t)
	if text := b.page("/"); !strings.Contains(text, b.dir) || !strings.Contains(text, `http-equiv="refresh"`) {
		t.Errorf("the empty page: %s", text)
	}
}

func TestAssetsAreKept(t *testing.T) {
	b := newBox(t)
	a := b.ask(store.NoRole, "GET", "/web/"+styleName(t, b), "").is(t, 200, "")
	a.header(t, "Cache-Control", "public, max-age=31536000, immutable")
	a.header(t, "Content-Type", "text/css; charset=utf-8")
}

func TestWords(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 9949: "9.9 kB", 9951: "10 kB", 999_499: "999 kB", 999_500: "1.0 MB",
		31_000_000_000: "31 GB", 2_500_000_000_000: "2.5 TB", 9_000_000_000_000_000: "9000 TB",
	} {
		if got := size(n); got != want {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "", 400 * time.Millisecond: "0:00", 59600 * time.Millisecond: "1:00", time.Hour + 61*time.Second: "1:01:01"} {
		if got := length(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := count(1234567); got != "1,234,567" {
		t.Errorf("1234567: %s", got)
	}
}
