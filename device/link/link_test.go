package link

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"clipd/device/clock"
	"clipd/store"
)

// board is a clock that a test sets.
type board struct {
	now    time.Time
	synced bool
	boot   string
	uptime time.Duration
}

func (b *board) clock() clock.Clock {
	return clock.Clock{
		Now: func() time.Time { return b.now }, Synced: func() bool { return b.synced },
		Boot: b.boot, Uptime: func() time.Duration { return b.uptime },
	}
}

var (
	key = bytes.Repeat([]byte{7}, 32)
	id  = store.MakeID("front/a.mp4", 1, time.Unix(1, 0))
)

func parse(t *testing.T, query string) url.Values {
	t.Helper()
	v, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestLinkIsGoodForItsClipUntilItExpires(t *testing.T) {
	b := &board{now: time.Unix(1_800_000_000, 0), synced: true, boot: "one"}
	s := New(key, b.clock())
	query, expires := s.Sign(Clip, id, time.Hour)
	if !expires.Equal(b.now.Add(time.Hour)) || !strings.Contains(query, "&sig=") {
		t.Errorf("%s expires %v", query, expires)
	}
	if left, err := s.Check(Clip, id, parse(t, query)); err != nil || left != time.Hour {
		t.Errorf("left %v, %v", left, err)
	}
	b.now = b.now.Add(time.Hour - time.Second)
	if _, err := New(key, b.clock()).Check(Clip, id, parse(t, query)); err != nil {
		t.Errorf("after a restart, a second before its end: %v", err)
	}
	b.now = b.now.Add(time.Second)
	if _, err := s.Check(Clip, id, parse(t, query)); !errors.Is(err, ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
}

func TestForgedLinksAreRefused(t *testing.T) {
	b := &board{now: time.Unix(1_800_000_000, 0), synced: true}
	s := New(key, b.clock())
	query, _ := s.Sign(Clip, id, time.Hour)
	other := store.MakeID("front/b.mp4", 1, time.Unix(1, 0))
	longer := strings.Replace(query, "exp=18", "exp=19", 1)
	for name, err := range map[string]error{
		"another clip":   second(s.Check(Clip, other, parse(t, query))),
		"another what":   second(s.Check(Poster, id, parse(t, query))),
		"a later expiry": second(s.Check(Clip, id, parse(t, longer))),
		"no signature":   second(s.Check(Clip, id, parse(t, "exp=1900000000"))),
		"nothing":        second(s.Check(Clip, id, url.Values{})),
		"another key":    second(New(bytes.Repeat([]byte{8}, 32), b.clock()).Check(Clip, id, parse(t, query))),
	} {
		if !errors.Is(err, ErrBad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Rotate(bytes.Repeat([]byte{9}, 32))
	if _, err := s.Check(Clip, id, parse(t, query)); !errors.Is(err, ErrBad) {
		t.Errorf("after the key was rotated: %v", err)
	}
}

func second(_ time.Duration, err error) error { return err }

// While the clock is not trusted a link counts seconds of this boot: setting the clock neither kills nor prolongs it, a
// reboot ends it.
func TestLinkOfAnUntrustedClock(t *testing.T) {
	b := &board{now: time.Unix(60, 0), boot: "one", uptime: time.Minute}
	s := New(key, b.clock())
	query, _ := s.Sign(Clip, id, time.Hour)
	b.now, b.synced = time.Unix(1_800_000_000, 0), true
	if left, err := s.Check(Clip, id, parse(t, query)); err != nil || left != time.Hour {
		t.Errorf("after the clock was set: left %v, %v", left, err)
	}
	b.uptime += time.Hour
	if _, err := s.Check(Clip, id, parse(t, query)); !errors.Is(err, ErrExpired) {
		t.Errorf("after an hour: %v", err)
	}
	b.boot, b.uptime = "two", time.Second
	if _, err := New(key, b.clock()).Check(Clip, id, parse(t, query)); !errors.Is(err, ErrExpired) {
		t.Errorf("after a reboot: %v", err)
	}
}
