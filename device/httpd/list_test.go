package httpd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/store"
)

type listed struct {
	Clips []api.Clip `json:"clips"`
	Next  string     `json:"next"`
}

func (b *box) list(query string) listed {
	b.t.Helper()
	var l listed
	a := b.get("/api/v1/clips?"+query).is(b.t, 200, "")
	b.must(json.Unmarshal(a.body, &l))
	link := a.Header.Get("Link")
	if (link != "") != (l.Next != "") || l.Next != "" && !strings.Contains(link, form("cursor", l.Next)) {
		b.t.Errorf("%s: next is %q, Link is %q", query, l.Next, link)
	}
	return l
}

func oneCamera(int) string { return "front" }

func TestListIsWholeWhateverTheLimit(t *testing.T) {
	b := newBox(t)
	clips := b.many(537, func(i int) string { return []string{"front", "back", "side"}[i%3] })
	for _, limit := range []int{1, 7, 99, 100, 101, 250, 536, 537, 1000} {
		if limit == 1 && testing.Short() {
			continue
		}
		at, cursor := len(clips)-1, ""
		for {
			l := b.list(fmt.Sprintf("limit=%d&%s", limit, form("cursor", cursor)[:len(form("cursor", cursor))*min(len(cursor), 1)]))
			if len(l.Clips) != min(limit, at+1) {
				t.Fatalf("limit %d: a piece has %d clips, want %d", limit, len(l.Clips), min(limit, at+1))
			}
			for _, c := range l.Clips {
				if c.ID != clips[at].ID.String() {
					t.Fatalf("limit %d: clip %d is another one", limit, at)
				}
				at--
			}
			if cursor = l.Next; cursor == "" {
				break
			}
		}
		if at != -1 {
			t.Errorf("limit %d: the list ends %d clips too early", limit, at+1)
		}
	}
}

func TestListFiltersAndOrder(t *testing.T) {
	b := newBox(t)
	clips := b.many(300, func(i int) string { return []string{"front", "back"}[i%2] })
	b.must(b.store.Apply(t.Context(), store.Pin(clips[10].ID, true)))
	rfc := func(i int) string { return clips[i].Start.Format(time.RFC3339) }
	for query, want := range map[string][2]string{ // how many, and the first
		"limit=1000":                                {"300", clips[299].ID.String()},
		"limit=1000&order=oldest":                   {"300", clips[0].ID.String()},
		"limit=1000&camera=back":                    {"150", clips[299].ID.String()},
		"limit=1000&camera=back&order=oldest":       {"150", clips[1].ID.String()},
		"pinned=true":                               {"1", clips[10].ID.String()},
		"limit=1000&pinned=false":                   {"299", clips[299].ID.String()},
		"limit=1000&complete=true":                  {"300", clips[299].ID.String()},
		"complete=false":                            {"0", ""},
		form("from", rfc(100), "to", rfc(110)):      {"10", clips[109].ID.String()},
		form("from", rfc(100), "to", rfc(100)):      {"0", ""},
		form("from", "2026-11-22", "limit", "1000"): {"300", clips[299].ID.String()},
		form("from", "2026-11-23"):                  {"0", ""},
		"camera=none":                               {"0", ""},
	} {
		l := b.list(query)
		first := ""
		if len(l.Clips) > 0 {
			first = l.Clips[0].ID
		}
		if got := [2]string{fmt.Sprint(len(l.Clips)), first}; got != want {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
}

func TestAClipHasTheEventsKeys(t *testing.T) {
	b := newBox(t)
	b.file("front/a.jpg", []byte("\xff\xd8\xff"))
	c := b.clip("front/a.mp4", content(100), func(c *store.Clip) { c.Sidecars, c.Poster = []string{"front/a.jpg"}, "front/a.jpg" })
	var v api.Clip
	b.must(json.Unmarshal(b.get("/api/v1/clips/"+c.ID.String()).is(t, 200, "").body, &v))
	if v.URL != b.url+api.ClipPath(c) || v.PosterURL != b.url+api.PosterPath(c) || v.Duration != 60 || v.Size != 100 || v.SHA256 == "" {
		t.Errorf("%+v", v)
	}
	if l := b.list(""); len(l.Clips) != 1 || l.Clips[0] != v {
		t.Errorf("the list tells it otherwise: %+v", l.Clips)
	}
}

func TestNamesThatAreNoUTF8(t *testing.T) {
	b := newBox(t)
	c := b.clip("fr\xffnt/\xfe<b>&.mp4", content(100))
	l := b.list("")
	if len(l.Clips) != 1 || l.Clips[0].Path != "fr\uFFFDnt/\uFFFD<b>&.mp4" {
		t.Errorf("%+v", l.Clips)
	}
	b.get(l.Clips[0].URLPath).is(t, 200, "")
	a := b.get("/").is(t, 200, "")
	if strings.Contains(string(a.body), "<b>") {
		t.Error("the page does not escape names")
	}
	b.get("/?"+form("clip", c.ID.String(), "camera", c.Camera)).is(t, 200, "")
	b.get("/api/v1/cameras").is(t, 200, "")
	b.get("/api/v1/timeline?from=2026-11-22").is(t, 200, "")
	b.get("/api/v1/events").is(t, 200, "")
}

// A thousand clips take no more memory than a hundred.
func TestListingNeedsLittleMemory(t *testing.T) {
	b := newBox(t)
	b.many(1000, oneCamera)
	heap := func(limit string) uint64 {
		w := &counting{header: http.Header{}}
		r := b.request("GET", "/api/v1/clips?limit="+limit, nil, "Authorization", "Bearer "+b.secret[store.Viewer])
		b.server.Handler().ServeHTTP(w, r)
		if w.written < 30000 {
			t.Fatalf("limit %s: only %d bytes", limit, w.written)
		}
		return w.peak
	}
	heap("100")
	small, big := heap("100"), heap("1000")
	if big > small+256<<10 {
		t.Errorf("100 clips held %d bytes, 1000 clips %d", small, big)
	}
}

// counting is a ResponseWriter that looks at the heap in use at each write.
type counting struct {
	header  http.Header
	written int
	peak    uint64
}

func (c *counting) Header() http.Header { return c.header }
func (c *counting) WriteHeader(int)     {}
func (c *counting) Write(b []byte) (int, error) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	c.peak = max(c.peak, m.HeapAlloc)
	c.written += len(b)
	return len(b), nil
}

func TestCamerasAndLatest(t *testing.T) {
	b := newBox(t)
	b.clip("front/a.mp4", content(100))
	newest := b.clip("front/b.mp4", content(200), func(c *store.Clip) { c.Start = start.Add(time.Hour) })
	odd := b.clip("a b+ü#%/c.mp4", content(300))
	a := b.get("/api/v1/cameras").is(t, 200, "")
	if want := `{"name":"front","clips":2,"bytes":300,"oldest":"2026-11-22T07:55:01.000Z","newest":"2026-11-22T08:55:01.000Z"}`; !strings.Contains(string(a.body), want) {
		t.Errorf("got %s, want %s", a.body, want)
	}
	for camera, want := range map[string]store.Clip{"front": newest, "a%20b+%C3%BC%23%25": odd} {
		a := b.get("/api/v1/cameras/"+camera+"/latest").is(t, 302, "")
		where, err := a.Location()
		b.must(err)
		if where.EscapedPath() != api.ClipPath(want) {
			t.Errorf("the latest of %s is at %s, want %s", camera, where.EscapedPath(), api.ClipPath(want))
		}
		b.get(where.EscapedPath()).is(t, 200, "")
	}
}

func TestTimeline(t *testing.T) {
	b := newBox(t)
	b.many(180, oneCamera) // from 07:55:01, a minute apart
	get := func(query string) (v struct {
		Spans []struct {
			Camera string    `json:"camera"`
			From   time.Time `json:"from"`
			Clips  int       `json:"clips"`
			Bytes  int64     `json:"bytes"`
		} `json:"spans"`
		Step float64 `json:"step"`
	}) {
		b.must(json.Unmarshal(b.get("/api/v1/timeline?"+query).is(t, 200, "").body, &v))
		return v
	}
	v := get(form("from", "2026-11-22T00:00:00Z", "to", "2026-11-23T00:00:00Z"))
	if len(v.Spans) != 4 || v.Spans[0].Clips != 5 || v.Spans[1].Clips != 60 || v.Spans[1].Bytes != 60000 || v.Step != 3600 {
		t.Errorf("by the hour: %+v", v)
	}
	v = get(form("from", "2026-11-22", "to", "2026-11-23", "step", "1d", "camera", "front"))
	if len(v.Spans) != 1 || v.Spans[0].Clips != 180 || v.Step != 86400 {
		t.Errorf("by the day: %+v", v)
	}
	if v = get(form("camera", "none")); len(v.Spans) != 0 {
		t.Errorf("of no camera: %+v", v)
	}
}

func TestPartial(t *testing.T) {
	b := newBox(t)
	for i := range 5 {
		b.must(b.store.Apply(t.Context(), store.SetPartial(store.Partial{
			Path: fmt.Sprintf("front/%d\xff.mp4", i), Size: 44, Mtime: start, Reason: "no moov box", Since: start,
		})))
	}
	seen, cursor := 0, ""
	for {
		path := "/api/v1/partial?limit=2"
		if cursor != "" {
			path += "&" + form("cursor", cursor)
		}
		var v struct {
			Partial []struct{ Path, Reason string } `json:"partial"`
			Next    string                          `json:"next"`
		}
		b.must(json.Unmarshal(b.get(path).is(t, 200, "").body, &v))
		for _, p := range v.Partial {
			if want := fmt.Sprintf("front/%d\uFFFD.mp4", seen); p.Path != want || p.Reason != "no moov box" {
				t.Errorf("got %+v, want %s", p, want)
			}
			seen++
		}
		if cursor = v.Next; cursor == "" {
			break
		}
	}
	if seen != 5 {
		t.Errorf("saw %d partial files, want 5", seen)
	}
}

func TestChangingClips(t *testing.T) {
	b := newBox(t)
	c := b.clip("front/a.mp4", content(100))
	path := "/api/v1/clips/" + c.ID.String()
	for _, v := range []struct {
		method string
		want   bool
	}{{"PUT", true}, {"PUT", true}, {"DELETE", false}, {"DELETE", false}} {
		var got api.Clip
		b.must(json.Unmarshal(b.ask(store.Operator, v.method, path+"/pin", "").is(t, 200, "").body, &got))
		kept, _, err := b.store.Clip(c.ID)
		if err != nil || got.Pinned != v.want || kept.Pinned != v.want {
			t.Errorf("%s pin: answered %v, kept %v, %v", v.method, got.Pinned, kept.Pinned, err)
		}
	}
	b.ask(store.Operator, "DELETE", path, "").is(t, 204, "")
	for _, method := range []string{"GET", "DELETE"} {
		b.ask(store.Operator, method, path, "").is(t, 404, "not-found")
	}
	b.ask(store.Operator, "PUT", path+"/pin", "").is(t, 404, "not-found")
	b.get(api.ClipPath(c)).is(t, 404, "not-found")
	var types []string
	rows, _, err := b.store.Events(0, 10)
	b.must(err)
	for _, e := range rows {
		types = append(types, string(e.Type))
	}
	if got := strings.Join(types, " "); got != "clip_added clip_pinned clip_unpinned clip_removed" {
		t.Errorf("the journal: %s", got)
	}
}

func TestKeepAliveOverMixedAnswers(t *testing.T) {
	b := newBox(t)
	data := content(100000)
	c := b.clip("front/a.mp4", data)
	one := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1, DisableCompression: true}, CheckRedirect: client.CheckRedirect}
	defer one.CloseIdleConnections()
	for i, path := range []string{
		"/api/v1/clips", api.ClipPath(c), "/nothing", "/healthz", api.ClipPath(c), "/api/v1/clips/zzz", "/api/v1/cameras/front/latest", "/", api.ClipPath(c), "/metrics",
	} {
		r := b.request("GET", path, nil, "Authorization", "Bearer "+b.secret[store.Viewer])
		reused := false
		r = r.WithContext(traceReuse(r.Context(), &reused))
		resp, err := one.Do(r)
		b.must(err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		b.must(err)
		if path == api.ClipPath(c) && string(body) != string(data) {
			t.Errorf("request %d: the bytes are not the clip's", i)
		}
		if reused != (i > 0) {
			t.Errorf("request %d: %s, reused connection: %v", i, path, reused)
		}
	}
}
