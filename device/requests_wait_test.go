package device

import (
	"fmt"
	"testing"
	"time"

	"clipd/device/api"
)

// A request for this moment waits until the clip of it is there; others are answered meanwhile.
func TestARequestWaitsForItsClip(t *testing.T) {
	d := newDesk(t)
	d.add("front", "before", time.Now().Add(-time.Minute), 30*time.Second)
	waits := d.send("link", `{"camera":"front","at":"now","wait":"1m","transaction":"t"}`)
	if a := d.ask("ping", `{}`); a.Status != "ok" {
		t.Errorf("ping meanwhile: %+v", a)
	}
	d.add("yard", "elsewhere", time.Now().Add(-time.Second), 10*time.Second)
	if a := d.ask("ping", `{}`); a.Status != "ok" || len(waits) != 0 {
		t.Errorf("another camera's clip was taken: %+v", a)
	}
	c := d.add("front", "now", time.Now().Add(-time.Second), 10*time.Second)
	if a := d.read(waits); a.id() != c.ID.String() || !d.opens(a.Data["url"], c.ID) {
		t.Errorf("%+v, want %s", a, c.ID)
	}
	d.add("front", "later", time.Now().Add(time.Second), 10*time.Second)
	if a := d.ask("link", `{"camera":"front","at":"now","wait":"1m","transaction":"t"}`); a.id() != c.ID.String() {
		t.Errorf("asked again: %+v, want %s", a, c.ID)
	}
}

func TestWaitingEnds(t *testing.T) {
	d := newDesk(t)
	const text = `{"at":"now","wait":"30ms","transaction":"t"}`
	if a := d.ask("link", text); a.Error.Type != api.Timeout {
		t.Errorf("%+v", a)
	}
	d.add("front", "late", time.Now().Add(-time.Second), 10*time.Second)
	if a := d.ask("link", text); a.Error.Type != api.Timeout {
		t.Errorf("asked again it was answered anew: %+v", a)
	}
	if a := d.ask("link", `{"at":"2020-01-01T00:00:00Z"}`); a.Error.Type != api.Timeout {
		t.Errorf("without wait: %+v", a)
	}
}

func TestSixtyFourWaitAndNoMore(t *testing.T) {
	d := newDesk(t)
	var all []<-chan api.Response
	for i := range maxWaiting {
		all = append(all, d.send("link", fmt.Sprintf(`{"at":"now","wait":"1m","transaction":"%d"}`, i)))
		d.ask("ping", `{}`) // it stands aside by now
	}
	again := d.send("link", `{"at":"now","wait":"1m","transaction":"0"}`)
	if a := d.ask("link", `{"at":"now","wait":"1m","transaction":"one too many"}`); a.Error.Type != api.Busy {
		t.Errorf("%+v", a)
	}
	c := d.add("front", "now", time.Now().Add(-time.Minute), 2*time.Minute)
	for i, got := range all {
		if a := d.read(got); a.id() != c.ID.String() {
			t.Errorf("request %d: %+v", i, a)
		}
	}
	d.ask("ping", `{}`)
	if len(again) != 0 {
		t.Error("one transaction was answered twice")
	}
	if a := d.ask("link", `{"at":"now","wait":"1m","transaction":"one too many"}`); a.id() != c.ID.String() {
		t.Errorf("busy was kept as an answer: %+v", a)
	}
}

func TestCovering(t *testing.T) {
	d := newDesk(t)
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }
	d.add("front", "long", at(-600), 10*time.Minute)
	d.add("front", "a", at(0), 10*time.Second)
	d.add("front", "b", at(10.4), 10*time.Second)
	d.add("front", "c", at(25), 10*time.Second)
	for _, c := range []struct {
		at   float64
		last bool
		want string // "" for none
	}{
		{-300, false, "long"}, {0, false, "a"}, {9.999, false, "a"},
		{10.1, false, "a"}, {10.3, false, "b"}, // in a gap that a later clip proves: the nearer one
		{10.4, false, "b"}, {22, false, ""}, {22, true, ""}, // no recording for seconds
		{24.5, true, "c"}, {20.9, true, "b"}, {-601, true, "long"}, {-602, true, ""},
		{35.5, false, ""}, // the next one may still come
		{35.5, true, "c"}, {36.5, true, ""},
	} {
		got, err := d.table.covering("front", at(c.at), c.last)
		if (err == nil) != (c.want != "") || err == nil && got.Path != "front/"+c.want+".mp4" {
			t.Errorf("at %v, last %v: %q, %v; want %q", c.at, c.last, got.Path, err, c.want)
		}
	}
	if _, err := d.table.covering("yard", at(5), true); err == nil {
		t.Error("a clip of another camera was found")
	}
	if got, err := d.table.covering("", at(5), false); err != nil || got.Path != "front/a.mp4" {
		t.Errorf("any camera: %q, %v", got.Path, err)
	}
}
