package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if ran, code := ServeVerify(); ran {
		os.Exit(code)
	}
	if ran, code := serveChild(); ran {
		os.Exit(code)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // of the children: each would sleep for a second
	os.Exit(m.Run())
}

var epoch = time.Date(2026, 11, 22, 7, 55, 1, 123_000_000, time.UTC)

// open opens the catalogue in dir for the time of the test.
func open(t testing.TB, dir string) (*Store, Opened) {
	t.Helper()
	s, opened, err := Open(t.Context(), Options{
		Dir: dir, BootID: "boot", Now: func() time.Time { return epoch }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		maxSize: 64 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, opened
}

// clip makes the n-th clip of a camera.
func clip(camera string, n int) Clip {
	mtime := epoch.Add(time.Duration(n) * time.Minute)
	path := fmt.Sprintf("%s/%s/%06d.mp4", camera, mtime.Format("2006-01-02"), n)
	return Clip{
		ID: MakeID(path, int64(1000+n), mtime), Path: path, Camera: camera, Size: int64(1000 + n), Mtime: mtime,
		MediaType: "video/mp4", Start: mtime.Add(-time.Minute), StartSource: "container", Duration: time.Minute,
		Width: 1920, Height: 1080, VideoCodec: "h264", AudioCodec: "aac", Complete: true,
		Hashed: true, SHA256: [32]byte{byte(n), 1}, CRC32: uint32(n),
	}
}

func apply(t testing.TB, s *Store, ops ...Op) {
	t.Helper()
	if err := s.Apply(context.Background(), ops...); err != nil {
		t.Fatal(err)
	}
}

// sound closes s and verifies its file.
func sound(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Verify(s.Dir + "/" + fileName); err != nil {
		t.Fatal(err)
	}
}

func TestClipLife(t *testing.T) {
	dir := t.TempDir()
	s, opened := open(t, dir)
	if !opened.Created || opened.Unclean || opened.SetAside != "" {
		t.Fatalf("opened %+v", opened)
	}
	c := clip("front", 1)
	apply(t, s, See(c))
	if got, stage, err := s.Clip(c.ID); err != nil || stage != StageSeen || got.Path != c.Path {
		t.Fatalf("%+v %v %v", got, stage, err)
	}
	if pending, err := s.Pending(StageSeen, ID{}, 10); err != nil || len(pending) != 1 {
		t.Fatalf("%v %v", pending, err)
	}
	apply(t, s, Probed(c), Add(c, Live))
	page, err := s.List(Query{})
	if err != nil || len(page.Clips) != 1 || page.Clips[0].ID != c.ID || page.Next != "" {
		t.Fatalf("%+v %v", page, err)
	}
	apply(t, s, Pin(c.ID, true), Mark(c.ID, "age"))
	if _, _, err := s.Clip(c.ID); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	apply(t, s, Forget(c.ID, ""))
	events, gap, err := s.Events(0, 10)
	if err != nil || gap || len(events) != 3 || events[2].Type != ClipRemoved || events[2].Reason != "age" {
		t.Fatalf("%+v %v %v", events, gap, err)
	}
	if totals, err := s.Totals(); err != nil || totals != (Totals{}) {
		t.Fatalf("%+v %v", totals, err)
	}
	sound(t, s)
	s, opened = open(t, dir)
	if opened.Created || opened.Unclean {
		t.Fatalf("opened %+v", opened)
	}
	if first, last := s.Journal(); first != 1 || last != 3 {
		t.Fatal(first, last)
	}
}
