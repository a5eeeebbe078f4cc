package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// clip is what the tests read of a clip.
type clip struct {
	ID       string `json:"id"`
	Path     string `json:"path"`
	Size     int64  `json:"size"`
	Complete bool   `json:"complete"`
	Pinned   bool   `json:"pinned"`
	URLPath  string `json:"url_path"`
}

// clips lists everything, page by page.
func (b *box) clips() []clip {
	b.t.Helper()
	var all []clip
	for cursor := ""; ; {
		var page struct {
			Clips []clip `json:"clips"`
			Next  string `json:"next"`
		}
		b.get("/api/v1/clips?limit=1000&cursor="+cursor, &page)
		all = append(all, page.Clips...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

// paths returns the id of every listed path.
func (b *box) paths() map[string]string {
	b.t.Helper()
	m := map[string]string{}
	for _, c := range b.clips() {
		m[c.Path] = c.ID
	}
	return m
}

// follow reads the journal from its start as server-sent events and calls done after each, until it returns true.
func (b *box) follow(done func(event) bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	res := b.do(ctx, http.MethodGet, "/api/v1/events?after=0", "Accept", "text/event-stream")
	defer res.Body.Close()
	r := bufio.NewScanner(res.Body)
	r.Buffer(nil, 1<<20)
	for r.Scan() {
		data, ok := strings.CutPrefix(r.Text(), "data:")
		if !ok {
			continue
		}
		var e event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			b.t.Fatalf("event %q: %v", data, err)
		}
		if done(e) {
			return
		}
	}
	b.t.Fatalf("the journal never said it (%v); the catalogue has %d clips\n%s", r.Err(), len(b.paths()), b.lines.all())
}

// waitClips waits until n clips are listed.
func (b *box) waitClips(n int) {
	b.t.Helper()
	now := map[string]bool{}
	b.follow(func(e event) bool {
		switch e.EventType {
		case "clip_added":
			now[e.ID] = true
		case "clip_removed":
			delete(now, e.ID)
		}
		return len(now) == n
	})
}

// waitSame waits until the catalogue lists exactly the media files beneath the root that find(1) would find.
func (b *box) waitSame() {
	b.t.Helper()
	want := find(b.t, b.recordings())
	now := map[string]string{} // path -> id
	b.follow(func(e event) bool {
		switch e.EventType {
		case "clip_added":
			now[e.Path] = e.ID
		case "clip_removed":
			if now[e.Path] == e.ID {
				delete(now, e.Path)
			}
		}
		return len(now) == len(want) && slices.Equal(slices.Sorted(maps.Keys(now)), want)
	})
	if got := slices.Sorted(maps.Keys(b.paths())); !slices.Equal(got, want) {
		b.t.Errorf("the journal says %d clips, the catalogue lists %d, find finds %d", len(now), len(got), len(want))
	}
}

// find lists the media files beneath dir as a person would, in order.
func find(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.Type().IsRegular() && strings.HasSuffix(name, ".mp4") && !strings.HasPrefix(name, ".") {
			rel, _ := filepath.Rel(dir, path)
			paths = append(paths, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}

// status is what /api/v1/status says now.
func (b *box) status() (s struct {
	Clips          int      `json:"clips"`
	BytesUsed      int64    `json:"bytes_used"`
	StorageProblem string   `json:"storage_problem"`
	Problems       []string `json:"problems"`
	Scanning       bool     `json:"scanning"`
	Broker         struct {
		Connected bool   `json:"connected"`
		Error     string `json:"error"`
	} `json:"broker"`
}) {
	b.t.Helper()
	b.get("/api/v1/status", &s)
	return s
}
