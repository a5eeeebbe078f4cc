package announce

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"clipd/device/link"
	"clipd/store"
)

// TestEveryTopicOfABox follows one box from its first session to its stop. Every message must fit its schema.
func TestEveryTopicOfABox(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	live := listen(t, m)
	c := config(s, m.url())
	cameras := make(chan []string, 1)
	cameras <- nil
	c.Cameras = func() []string { n := <-cameras; cameras <- n; return n }
	a := hurry(New(c))
	stop := start(t, a)

	if g := live.expect("availability", 1); g.payload != online {
		t.Errorf("first availability: %v", g)
	}
	live.expect("info", 1)
	live.expect("last", 0)
	live.expect("state", 0)

	clip := clip("front+side", 1, time.Now())
	clip.Poster, clip.Sidecars = "front+side/1.jpg", []string{"front+side/1.jpg"}
	<-cameras
	cameras <- []string{"front+side"}
	a.Poke()
	if g := live.expect("info", 1); !strings.Contains(g.payload, "front+side") {
		t.Errorf("info after a new camera: %v", g)
	}
	apply(t, s, store.Add(clip, store.Live))
	e := event(t, live.expect("event", 1))
	if e.EventType != "clip_added" || e.ID != clip.ID.String() || e.Origin != "live" || e.Box != boxID || e.BoxName != "shed" {
		t.Errorf("announced %+v", e)
	}
	checkLink(t, c.Links, clip.ID, link.Clip, e.URL)
	checkLink(t, c.Links, clip.ID, link.Poster, e.PosterURL)
	for range 2 { // last and camera/…/last, in any order
		g := next(t, live.got, "/last")
		live.check(g)
		if last := event(t, g); last.Seq != e.Seq || last.ID != e.ID {
			t.Errorf("%v is not about the event %+v", g, e)
		}
	}
	if g := live.expect("poster", 0); !strings.Contains(g.payload, clip.ID.String()) {
		t.Errorf("poster: %v", g)
	}

	retainedNow(t, m, live.schemas, map[string]bool{
		"availability": true, "info": true, "state": true, "last": true, "camera/front%2Bside/last": true, "poster": true,
	})

	events(t, s, live, clip.ID)
	stop()
	if g := live.expect("availability", 1); g.payload != offline {
		t.Errorf("availability after the stop: %v", g)
	}
	_, last := s.Journal()
	if seq := cursorOf(t, s); seq != last {
		t.Errorf("cursor %d after a clean stop, want %d", seq, last)
	}
}

// listener is a subscriber to everything of one box.
type listener struct {
	*schemas
	got <-chan got
}

func listen(t *testing.T, m *mosquitto) *listener {
	return &listener{newSchemas(t), subscribe(t, m.url(), "clipd/#")}
}

// expect returns the next message on topic, which must have been published with qos and fit its schema.
func (l *listener) expect(topic string, qos byte) got {
	l.t.Helper()
	g := next(l.t, l.got, "clipd/"+boxID+"/"+topic)
	if g.qos != qos {
		l.t.Errorf("%v: published with QoS %d, want %d", g, g.qos, qos)
	}
	l.check(g)
	return g
}

// events lets happen to the only clip what can, and then removes it.
func events(t *testing.T, s *store.Store, live *listener, id store.ID) {
	t.Helper()
	apply(t, s, store.Pin(id, true))
	if e := event(t, live.expect("event", 1)); e.EventType != "clip_pinned" || !e.Pinned {
		t.Errorf("after pinning: %+v", e)
	}
	apply(t, s, store.Pin(id, false))
	live.expect("event", 1)
	apply(t, s, store.Note(store.Event{Type: store.StorageProblem, Reason: "the card is read-only"}))
	if e := event(t, live.expect("event", 1)); e.EventType != "storage_problem" || e.Clip != nil {
		t.Errorf("a problem with the storage: %+v", e)
	}
	apply(t, s, store.Forget(id, "deleted"))
	if e := event(t, live.expect("event", 1)); e.EventType != "clip_removed" || e.URL != "" || e.Reason != "deleted" {
		t.Errorf("after removal: %+v", e)
	}
	for range 3 { // last, camera/…/last and poster
		if g := <-live.got; g.payload != "" {
			t.Errorf("%v after the last clip went, want it cleared", g)
		}
	}
}

// checkLink follows raw as HTTP would.
func checkLink(t *testing.T, links *link.Signer, id store.ID, what link.What, raw string) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil || u.Host != "192.0.2.7:8470" || !strings.Contains(u.Path, id.String()) {
		t.Errorf("link %q: %v", raw, err)
		return
	}
	if left, err := links.Check(what, id, u.Query()); err != nil || left <= 0 || left > time.Hour {
		t.Errorf("link %q: good for %v, %v", raw, left, err)
	}
}

// retainedNow asks the broker, as somebody who comes late, for all that is retained.
func retainedNow(t *testing.T, m *mosquitto, schemas *schemas, want map[string]bool) {
	t.Helper()
	late := subscribe(t, m.url(), "clipd/#", func(o *mqtt.ClientOptions) { o.SetClientID("late") })
	for len(want) > 0 {
		g := next(t, late, "")
		topic := strings.TrimPrefix(g.topic, "clipd/"+boxID+"/")
		if !want[topic] || !g.retained {
			t.Errorf("%v is not expected to be retained", g)
		}
		schemas.check(g)
		delete(want, topic)
	}
}

func TestLinksInRetainedMessagesAreRenewed(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	add(t, s, "front", 0, 1)
	ch := subscribe(t, m.url(), "clipd/+/last")
	c := config(s, m.url())
	c.LinkTTL = 2 * time.Second
	a := hurry(New(c))
	start(t, a)
	first := event(t, next(t, ch, "/last"))
	second := event(t, next(t, ch, "/last"))
	if first.URL == second.URL || first.ID != second.ID {
		t.Errorf("renewed %q as %q", first.URL, second.URL)
	}
	c.Links.Rotate(bytes.Repeat([]byte{1}, 32))
	a.Renew()
	third := event(t, next(t, ch, "/last"))
	id, err := store.ParseID(third.ID)
	if err != nil {
		t.Fatal(err)
	}
	checkLink(t, c.Links, id, link.Clip, third.URL)
}

func TestUnsignedLinks(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	ch := subscribe(t, m.url(), "clipd/+/event")
	c := config(s, m.url())
	c.LinkTTL = 0
	start(t, hurry(New(c)))
	add(t, s, "front", 7, 1)
	e := event(t, next(t, ch, "/event"))
	if want := "http://192.0.2.7:8470/clips/" + e.ID + "/000007.mp4"; e.URL != want {
		t.Errorf("link %q, want %q", e.URL, want)
	}
}

func TestTopicLevels(t *testing.T) {
	for name, want := range map[string]string{
		"front": "front", "a/b": "a%2Fb", "+": "%2B", "#1": "%231", "100%": "100%25", "a\x00b": "a%00b", "\n": "%0A",
		"Tür": "Tür", "\xff\xfe": "%FF%FE", "\u0085": "%C2%85", "\ufffd": "\ufffd", "\uffff": "%EF%BF%BF", "": "",
	} {
		if got := level(name); got != want {
			t.Errorf("level(%q) = %q, want %q", name, got, want)
		}
	}
}

func ExampleConfig() {
	fmt.Println(newTopics("clipd", "0123456789ab").camera("Garten/Tür"))
	// Output: clipd/0123456789ab/camera/Garten%2FTür/last
}

// Starts that were corrected stand in the retained messages too.
func TestRetainedClipsAreCorrected(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	wrong := time.Unix(0, 0)
	c := clip("front", 1, wrong.Add(time.Minute))
	c.ClockSynced = false
	apply(t, s, store.Add(c, store.Live))
	ch := subscribe(t, m.url(), "clipd/+/last")
	start(t, hurry(New(config(s, m.url()))))
	before := event(t, next(t, ch, "/last"))
	right := wrong.AddDate(50, 0, 0)
	apply(t, s, store.Synchronise(store.Boot{ID: "boot", Steps: []store.Step{{Base: wrong}}, Right: right, Until: time.Hour}))
	after := event(t, next(t, ch, "/last"))
	if after.ID != before.ID || after.Start.Sub(before.Start.Time) != right.Sub(wrong) {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
