package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"clipd/device/api"
)

const token = "secret"

var modified = time.Date(2026, 11, 22, 7, 56, 1, 0, time.UTC)

// fakeBox answers as design.md "HTTP" says, from memory, so that tests can break what is on the wire.
type fakeBox struct {
	clips  []api.Clip // newest first
	bodies map[string][]byte
	status api.State
	events []api.Event // its journal
	// refuses, if set, is asked about each clip's body before it is served.
	refuses func(id string) *api.Problem
	// serve, if set, sends a clip's bytes in place of http.ServeContent.
	serve func(w http.ResponseWriter, r *http.Request, body []byte)

	mu     sync.Mutex
	bodied []http.Header // of each request for a clip's bytes
	listed int           // requests for the list
}

// add makes a clip of body at path; the id's only property that counts is that it is 16 characters.
func (f *fakeBox) add(path string, body []byte) api.Clip {
	sum := sha256.Sum256(body)
	c := api.Clip{
		ID: fmt.Sprintf("%016d", len(f.clips)), Camera: "front", Path: path, MediaType: "video/mp4", Complete: true,
		Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), Start: api.Time{Time: modified}, Duration: 60,
	}
	c.URLPath = "/clips/" + c.ID + "/x.mp4"
	if f.bodies == nil {
		f.bodies = map[string][]byte{}
	}
	f.clips, f.bodies[c.ID] = append(f.clips, c), body
	return c
}

func (f *fakeBox) start(t *testing.T) (url string) {
	t.Helper()
	srv := httptest.NewServer(f.handler())
	t.Cleanup(srv.Close)
	return srv.URL
}

func (f *fakeBox) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/clips", f.list)
	mux.HandleFunc("GET /api/v1/clips/{id}", func(w http.ResponseWriter, r *http.Request) {
		for _, c := range f.clips {
			if c.ID == r.PathValue("id") {
				answer(w, c)
				return
			}
		}
		refuse(w, api.NewProblem(api.NotFound, "There is no clip "+r.PathValue("id"), ""))
	})
	mux.HandleFunc("GET /clips/{id}/{name}", f.body)
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct {
			api.State
			Box     string    `json:"box"`
			Name    string    `json:"name"`
			Journal [2]uint64 `json:"journal"`
		}{f.status, "0123456789ab", "fake", [2]uint64{1, f.last()}})
	})
	mux.HandleFunc("GET /api/v1/events", f.journal)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			refuse(w, api.NewProblem(api.Unauthorized, "A token is needed", ""))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (f *fakeBox) last() uint64 {
	if len(f.events) == 0 {
		return 0
	}
	return f.events[len(f.events)-1].Seq
}

// journal answers with the rows after a seq; a gap in f.events is told as the box tells one.
func (f *fakeBox) journal(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseUint(r.FormValue("after"), 10, 64)
	rows := []api.Event{}
	for _, e := range f.events {
		if e.Seq > after {
			e.Generation = "g"
			rows = append(rows, e)
		}
	}
	answer(w, map[string]any{"events": rows, "next": f.last(), "generation": "g"})
}

// list pages with the index of the next clip as its cursor.
func (f *fakeBox) list(w http.ResponseWriter, r *http.Request) {
	f.listed++
	from, _ := strconv.Atoi(r.FormValue("cursor"))
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	if limit < 1 || limit > 1000 {
		refuse(w, api.NewProblem(api.BadRequest, "limit is 1 to 1000", ""))
		return
	}
	end := min(from+limit, len(f.clips))
	page := map[string]any{"clips": f.clips[from:end]}
	if end < len(f.clips) {
		page["next"] = strconv.Itoa(end)
	}
	answer(w, page)
}

func (f *fakeBox) body(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.bodied = append(f.bodied, r.Header.Clone())
	f.mu.Unlock()
	body := f.bodies[r.PathValue("id")]
	if f.refuses != nil {
		if p := f.refuses(r.PathValue("id")); p != nil {
			refuse(w, p)
			return
		}
	}
	w.Header().Set("ETag", strconv.Quote(r.PathValue("id")))
	if f.serve != nil {
		f.serve(w, r, body)
		return
	}
	http.ServeContent(w, r, "", modified, bytes.NewReader(body))
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, p *api.Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// ctl runs one command line against url and returns what it printed.
func ctl(t *testing.T, url string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv(envURL, url)
	t.Setenv(envToken, token)
	var out, errs strings.Builder
	code = run(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// files returns the names in dir, hidden ones included.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func partPath(dir string, c api.Clip) string { return filepath.Join(dir, ".clipctl-"+c.ID+".part") }

func write(t *testing.T, path string, body []byte) {
	t.Helper()
	if err := os.WriteFile(path, body, 0o666); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, path string, body []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, body) {
		t.Errorf("%s has %d bytes that are not the clip's %d", path, len(got), len(body))
	}
}
