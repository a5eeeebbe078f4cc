package push

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"clipd/store"
)

// arrivals is a target that notes which clips arrive, in order.
type arrivals struct {
	mu    sync.Mutex
	paths []string
}

func (a *arrivals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	took(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.paths = append(a.paths, r.URL.Path)
}

func (a *arrivals) sorted() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(slices.Values(a.paths))
}

// TestFeed: each target gets what it is configured to get, once, also over a restart.
func TestFeed(t *testing.T) {
	got := &arrivals{}
	url := serve(t, got.ServeHTTP)
	b := newBox(t, func(c *Config) {
		c.Targets = map[string]Target{
			"live":    {URL: url + "/live/{name}", When: "added"},
			"backlog": {URL: url + "/backlog/{name}", When: "added", Backlog: true},
			"camera":  {URL: url + "/camera/{name}", When: "added", Cameras: []string{"back"}},
			"request": {URL: url + "/request/{name}", When: "request", Backlog: true},
		}
	})
	add := func(path string, origin store.Origin) {
		b.apply(t, store.Add(b.record(t, path, content(10)), origin))
	}
	add("front/before", store.Live)
	b.run(t)
	arrived := func(n int) {
		t.Helper()
		b.wait(t, fmt.Sprintf("%d clips arrived", n), func() bool { return len(b.events(t, store.PushDone)) >= n })
	}
	arrived(1)
	for name := range b.conf.Targets {
		b.wait(t, "every reader has begun", func() bool {
			_, begun, err := b.Cursor(CursorName(name))
			return err == nil && (begun || name == "request")
		})
	}
	add("front/live", store.Live)
	add("front/scanned", store.Scan)
	add("back/live2", store.Live)
	arrived(7)
	b.reopen(t)
	b.run(t)
	add("back/later", store.Live)
	arrived(10)
	b.counts(t, 0, 0)
	want := []string{
		"/backlog/before", "/backlog/later", "/backlog/live", "/backlog/live2", "/backlog/scanned",
		"/camera/later", "/camera/live2", "/live/later", "/live/live", "/live/live2",
	}
	if paths := got.sorted(); !slices.Equal(paths, want) {
		t.Fatalf("%q", paths)
	}
}

// TestForeignCursor: a reader whose cursor is from another catalogue's journal begins at the start of this one's.
func TestForeignCursor(t *testing.T) {
	got := &arrivals{}
	b := newBox(t, func(c *Config) {
		c.Targets = map[string]Target{"nas": {URL: serve(t, got.ServeHTTP) + "/{name}", When: "added", Backlog: true}}
	})
	b.clip(t, "front/a", content(11))
	b.apply(t, store.SetCursor(CursorName("nas"), 1<<40))
	b.run(t)
	b.wait(t, "the clip arrived", func() bool { return len(b.events(t, store.PushDone)) == 1 })
	b.wait(t, "the cursor is in this journal", func() bool {
		seq, _, err := b.Cursor(CursorName("nas"))
		return err == nil && seq == 1
	})
}

// TestGap: after a gap in the journal a backlog target gets every clip that does not count as pushed, another none.
func TestGap(t *testing.T) {
	b := newBox(t, func(c *Config) {
		c.Targets = map[string]Target{"all": {URL: "http://nas/", When: "added", Backlog: true}, "live": {URL: "http://nas/", When: "added"}}
	})
	done, left := b.clip(t, "front/done", content(10)), b.clip(t, "front/left", content(11))
	b.apply(t, store.SetPushed(done.ID, true))
	for _, r := range b.p.readers() {
		if err := b.p.catchUp(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	pushes, err := b.Pushes("", 10)
	if err != nil || len(pushes) != 1 || pushes[0].ID != left.ID || pushes[0].Target != "all" {
		t.Fatalf("%+v %v", pushes, err)
	}
}

// TestUnlistedClip: what is asked for before the clip has been read to its end waits for that.
func TestUnlistedClip(t *testing.T) {
	got := &arrivals{}
	b := newBox(t, to(serve(t, got.ServeHTTP)))
	c := b.record(t, "front/a.mp4", content(10))
	b.apply(t, store.See(c))
	b.ask(t, c, "nas")
	b.run(t)
	if p := b.failing(t); p.Attempts != 0 || len(got.sorted()) != 0 {
		t.Fatalf("%+v", p)
	}
	b.apply(t, store.Add(c, store.Live))
	b.counts(t, 0, 0)
	if paths := got.sorted(); len(paths) != 1 {
		t.Fatal(paths)
	}
}
