package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The main job: a recording is closed, announced with all there is to know, and the URL in the message brings its bytes.
func TestClosedRecordingIsAnnouncedAndServed(t *testing.T) {
	m := newMosquitto(t)
	s := m.subscribe("clipd/#")
	b := startBox(t, "-broker", m.url())
	path := b.recordings("front", "2026-11-22", "07-55-01.mp4")
	record(t, path)
	e := s.added("front/2026-11-22/07-55-01.mp4")
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(want)
	if e.Camera != "front" || e.Size != int64(len(want)) || e.SHA256 != hex.EncodeToString(sum[:]) || !e.Complete || e.Origin != "live" {
		t.Errorf("announced as %+v", e)
	}
	status, got := fetch(t, e.URL)
	if status != http.StatusOK || string(got) != string(want) {
		t.Errorf("%s answers %d with %d bytes, want 200 with %d", e.URL, status, len(got), len(want))
	}
	if status, _ := fetch(t, strings.Split(e.URL, "?")[0]); status != http.StatusUnauthorized {
		t.Errorf("without the signature it answers %d, want 401", status)
	}
}

func TestBrokerAwayLosesNothing(t *testing.T) {
	m := newMosquitto(t)
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	g := newGate(t, m.address())
	b := startBox(t, "-broker", "tcp://"+g.address())
	g.open.Store(false)
	m.stop()
	for i := range 20 {
		copyFile(t, sample, b.recordings("front", fmt.Sprintf("clip-%02d.mp4", i)))
	}
	b.waitClips(20)
	m.start()
	s := m.subscribe("clipd/+/event")
	g.open.Store(true) // not before somebody listens
	var last uint64
	for range 20 {
		e := s.next(func(m message) bool { return m.event().EventType == "clip_added" }).event()
		if e.Seq <= last {
			t.Errorf("seq %d came after %d", e.Seq, last)
		}
		last = e.Seq
	}
}

func TestRestartAnnouncesNothingTwice(t *testing.T) {
	m := newMosquitto(t)
	s := m.subscribe("clipd/+/event")
	b := startBox(t, "-broker", m.url())
	record(t, b.recordings("front", "one.mp4"))
	first := s.added("front/one.mp4")
	b.log("") // the process has said something: it is alive
	if err := b.stop(); err != nil {
		t.Fatalf("clipd did not stop cleanly: %v", err)
	}
	b.start()
	record(t, b.recordings("front", "two.mp4"))
	next := s.next(func(m message) bool { return true }).event()
	if next.Path != "front/two.mp4" || next.Seq <= first.Seq {
		t.Errorf("after the restart the first event is %+v", next)
	}
}

// 10,000 old files are known at once and listed, but ring no phone: MQTT hears one gap.
func TestOldFilesRingNoPhone(t *testing.T) {
	const files = 10_000
	m := newMosquitto(t)
	s := m.subscribe("clipd/+/event")
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	b := newBox(t, "-broker", m.url())
	old := time.Now().Add(-30 * 24 * time.Hour)
	for i := range files {
		path := b.recordings("front", fmt.Sprintf("%03d", i/100), fmt.Sprintf("%05d.mp4", i))
		if i == 0 {
			copyFile(t, sample, b.recordings("front", "sample.mp4"))
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(b.recordings("front", "sample.mp4"), path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(b.recordings("front", "sample.mp4"), old, old); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.waitClips(files + 1)
	record(t, b.recordings("front", "new.mp4"))
	told := 0
	s.next(func(m message) bool {
		e := m.event()
		switch {
		case e.Path == "front/new.mp4":
			return true
		case e.EventType == "gap":
			told += e.Count
		default:
			t.Fatalf("an old clip was announced: %s", m.payload)
		}
		return false
	})
	if told != files+1 {
		t.Errorf("the gaps speak of %d clips, want %d", told, files+1)
	}
}

func TestAvailabilityFollowsTheBox(t *testing.T) {
	m := newMosquitto(t)
	s := m.subscribe("clipd/+/availability")
	b := startBox(t, "-broker", m.url())
	is := func(want string) func(message) bool {
		return func(m message) bool { return string(m.payload) == want }
	}
	s.next(is("online"))
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	s.next(is("offline"))
	b.start()
	s.next(is("online"))
	b.kill()
	s.next(is("offline")) // the will
}

// The embedded broker serves a house without one: a real client subscribes to it.
func TestEmbeddedBroker(t *testing.T) {
	need(t, "mosquitto_sub")
	port := freePort(t)
	file := filepath.Join(t.TempDir(), "clipd.toml")
	text := fmt.Sprintf("[mqtt]\nembedded_listen = \"127.0.0.1:%d\"\n", port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b := startBox(t, "-config", file)
	m := &mosquitto{t: t, port: port}
	s := m.subscribe("clipd/#")
	record(t, b.recordings("front", "one.mp4"))
	if e := s.added("front/one.mp4"); e.URL == "" {
		t.Error("the message has no URL")
	}
}
