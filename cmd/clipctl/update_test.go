package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clipd/device/api"
)

// updatingBox takes any bundle and then tells, one status after the other, how it goes; an empty one is a box that starts.
func updatingBox(t *testing.T, statuses ...string) (url string, got *atomic.Int64) {
	t.Helper()
	got = &atomic.Int64{}
	var asked atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/update", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			t.Errorf("the bundle: %v", err)
		}
		got.Store(n)
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(api.Update{From: "1.0", Version: "1.1"})
	})
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, r *http.Request) {
		text := statuses[min(int(asked.Add(1)), len(statuses))-1]
		if text == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		io.WriteString(w, text)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func TestUpdateWaitsForHowItWent(t *testing.T) {
	updatePause = time.Millisecond
	t.Cleanup(func() { updatePause = time.Second })
	const stopping = `{"name":"porch","update":{"running":"1.0","packaged":"1.0","trial":true}}`
	const trial = `{"name":"porch","update":{"running":"1.1","packaged":"1.0","trial":true}}`
	bundle := filepath.Join(t.TempDir(), "1.1.update")
	write(t, bundle, make([]byte, 100_000))
	for name, c := range map[string]struct {
		last, says string
		code       int
	}{
		"healthy":     {`{"name":"porch","update":{"running":"1.1","packaged":"1.0","trial":false}}`, "porch: 1.0 -> 1.1, healthy\n", exitOK},
		"rolled back": {`{"name":"porch","update":{"running":"1.0","packaged":"1.0","trial":false,"failed":{"version":"1.1","reason":"three starts failed"}}}`, "porch: 1.1 was rolled back: three starts failed; 1.0 runs\n", exitFailed},
	} {
		url, got := updatingBox(t, stopping, "", "", trial, c.last)
		code, out, errs := ctl(t, url, "update", bundle)
		if code != c.code || out != c.says || got.Load() != 100_000 {
			t.Errorf("%s: exit %d, %q, %s; %d bytes came", name, code, out, errs, got.Load())
		}
		url, _ = updatingBox(t, trial, c.last)
		code, out, _ = ctl(t, url, "update", "--json", bundle)
		var told outcome
		if err := json.Unmarshal([]byte(out), &told); err != nil || code != c.code || told.Version != "1.1" || told.From != "1.0" || told.Box != "porch" {
			t.Errorf("%s: exit %d, %q, %v", name, code, out, err)
		}
	}
}

// An update whose outcome cannot be asked for is not called a success.
func TestUpdateOfABoxThatForgetsUs(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), "1.1.update")
	write(t, bundle, []byte("bundle"))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/update", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(api.Update{From: "1.0", Version: "1.1"})
	})
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	if code, _, errs := ctl(t, srv.URL, "update", bundle); code != exitRefused || !strings.Contains(errs, "how it went is not known") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := ctl(t, srv.URL, "update", filepath.Join(t.TempDir(), "none")); code != exitFailed || !strings.Contains(errs, "no such file") {
		t.Errorf("without a file: exit %d: %s", code, errs)
	}
}
