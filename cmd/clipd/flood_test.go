package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// resident returns a figure of /proc/PID/status, in bytes.
func (b *box) resident(what string) int64 {
	b.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	if err != nil {
		b.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+what+":")
	var kB int64
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	return kB << 10
}

// A flood of 10,000 requests: each is answered, if only busy, the box stays small, and a clip that is recorded meanwhile
// is announced within a second of its commit (thirty with the race detector, on a machine that others use).
func TestAFloodOfRequests(t *testing.T) {
	const requests, most = 10_000, 8 << 20
	soon := time.Second
	if raceFlag != "-race=false" {
		soon = 30 * time.Second
	}
	m := newMosquitto(t)
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	b := startBox(t, "-broker", m.url())
	events := m.subscribe("clipd/+/event")
	a := newAsker(t, m, b)
	copyFile(t, sample, b.recordings("front", "first.mp4"))
	events.added("front/first.mp4")
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", b.cmd.Process.Pid), []byte("5"), 0); err != nil { // proc(5): the peak begins anew
		if os.Getenv("CI") != "" {
			t.Fatalf("the peak of the resident set cannot be set back here: %v", err)
		}
		t.Skipf("the peak of the resident set cannot be set back here: %v", err)
	}
	before := b.resident("VmRSS")
	flood := exec.Command("mosquitto_pub", "-h", "127.0.0.1", "-p", fmt.Sprint(m.port), "-q", "1", "-l", "-t", "clipd/"+a.box+"/request/link")
	var text strings.Builder
	for i := range requests {
		fmt.Fprintf(&text, `{"transaction":"%08d-0000-4000-8000-000000000000","latest":true}`+"\n", i)
	}
	flood.Stdin = strings.NewReader(text.String())
	if err := flood.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := flood.Wait(); err != nil {
			t.Errorf("mosquitto_pub: %v", err)
		}
	}()
	for i := range 5 {
		path := fmt.Sprintf("front/%d.mp4", i)
		copyFile(t, sample, b.recordings(path))
		e := events.added(path)
		if late := time.Since(e.Time); late > soon {
			t.Errorf("%s was announced %v after its commit", path, late)
		}
	}
	busy := answers(t, a, requests)
	if grown := b.resident("VmHWM") - before; grown > most && raceFlag == "-race=false" {
		t.Errorf("the box grew by %d kB", grown>>10)
	}
	t.Logf("%d of %d were busy; the box grew by %d kB", busy, requests, (b.resident("VmHWM")-before)>>10)
}

// answers waits for n, each to another transaction, and counts those that say busy.
func answers(t *testing.T, a *asker, n int) (busy int) {
	t.Helper()
	seen := map[string]bool{}
	for len(seen) < n {
		var r response
		got := a.answers.next(func(message) bool { return true })
		if err := json.Unmarshal(got.payload, &r); err != nil || seen[r.Transaction] {
			t.Fatalf("after %d answers: %v: %s", len(seen), err, got.payload)
		}
		seen[r.Transaction] = true
		switch {
		case r.Error.Type == "busy":
			busy++
		case r.Status != "ok":
			t.Errorf("%s", got.payload)
		}
	}
	return busy
}
