package announce

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"clipd/device/api"
	"clipd/device/link"
	"clipd/store"
)

func event(t *testing.T, g got) api.Event {
	t.Helper()
	var e api.Event
	d := json.NewDecoder(strings.NewReader(g.payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		t.Fatalf("%v: %v", g, err)
	}
	return e
}

// TestEveryTopicOfABox follows one box from its first session to its stop. Every message must fit its schema.
func TestEveryTopicOfABox(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	live := subscribe(t, m.url(), "clipd/#")
	schemas := newSchemas(t)
	expect := func(topic string, qos byte) got {
		t.Helper()
		g := next(t, live, "clipd/"+boxID+"/"+topic)
		if g.qos != qos {
			t.Errorf("%v: published with QoS %d, want %d", g, g.qos, qos)
		}
		schemas.check(g)
		return g
	}
	c := config(s, m.url())
	cameras := make(chan []string, 1)
	cameras <- nil
	c.Cameras = func() []string { n := <-cameras; cameras <- n; return n }
	a := hurry(New(c))
	stop := start(t, a)

	if g := expect("availability", 1); g.payload != online {
		t.Errorf("first availability: %v", g)
	}
	expect("info", 1)
	expect("last", 0)
	expect("state", 0)

	clip := clip("front+side", 1, time.Now())
	clip.Poster, clip.Sidecars = "front+side/1.jpg", []string{"front+side/1.jpg"}
	<-cameras
	cameras <- []string{"front+side"}
	a.Poke()
	if g := expect("info", 1); !strings.Contains(g.payload, "front+side") {
		t.Errorf("info after a new camera: %v", g)
	}
	apply(t, s, store.Add(clip, store.Live))
	e := event(t, expect("event", 1))
	if e.EventType != "clip_added" || e.ID != clip.ID.String() || e.Origin != "live" || e.Box != boxID || e.BoxName != "shed" {
		t.Errorf("announced %+v", e)
	}
	checkLink(t, c.Links, clip.ID, link.Clip, e.URL)
	checkLink(t, c.Links, clip.ID, link.Poster, e.PosterURL)
	for range 2 { // last and camera/…/last, in any order
		g := next(t, live, "/last")
		schemas.check(g)
		if last := event(t, g); last.Seq != e.Seq || last.ID != e.ID {
			t.Errorf("%v is not about the event %+v", g, e)
		}
	}
	if g := expect("poster", 0); !strings.Contains(g.payload, clip.ID.String()) {
		t.Errorf("poster: %v", g)
	}

	retainedNow(t, m, schemas, map[string]bool{
		"availability": true, "info": true, "state": true, "last": true, "camera/front%2Bside/last": true, "poster": true,
	})

	apply(t, s, store.Pin(clip.ID, true))
	if e := event(t, expect("event", 1)); e.EventType != "clip_pinned" || !e.Pinned {
		t.Errorf("after pinning: %+v", e)
	}
	apply(t, s, store.Pin(clip.ID, false))
	expect("event", 1)
	apply(t, s, store.Note(store.Event{Type: store.StorageProblem, Reason: "the card is read-only"}))
	if e := event(t, expect("event", 1)); e.EventType != "storage_problem" || e.Clip != nil {
		t.Errorf("a problem with the storage: %+v", e)
	}
	apply(t, s, store.Forget(clip.ID, "deleted"))
	if e := event(t, expect("event", 1)); e.EventType != "clip_removed" || e.URL != "" || e.Reason != "deleted" {
		t.Errorf("after removal: %+v", e)
	}
	for range 3 { // last, camera/…/last and poster
		if g := <-live; g.payload != "" {
			t.Errorf("%v after the last clip went, want it cleared", g)
		}
	}
	stop()
	if g := expect("availability", 1); g.payload != offline {
		t.Errorf("availability after the stop: %v", g)
	}
	_, last := s.Journal()
	if seq := cursorOf(t, s); seq != last {
		t.Errorf("cursor %d after a clean stop, want %d", seq, last)
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

func TestBrokerAwayAndBack(t *testing.T) {
	m := newMosquitto(t)
	s := catalogue(t)
	p := newTap(t, m.addr)
	a := hurry(New(config(s, p.url())))
	start(t, a)
	before := heap()
	last := add(t, s, "front", 0, 3000)
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("3,000 rows that cannot be told take %d bytes of heap", grown)
	}
	if connected, lag, text := a.Status(); connected || lag == 0 || text == "" {
		t.Errorf("status without a broker: connected %v, lag %d, last error %q", connected, lag, text)
	}
	m.start()
	eventually(t, s, "the cursor at the end of the journal", func() bool { return cursorOf(t, s) == last })
	p.mu.Lock()
	if len(p.first) != 3000 || !slices.IsSorted(p.first) {
		t.Errorf("%d rows told, in order: %v", len(p.first), slices.IsSorted(p.first))
	}
	p.mu.Unlock()
	if connected, lag, text := a.Status(); !connected || lag != 0 || text != "" {
		t.Errorf("status: connected %v, lag %d, last error %q", connected, lag, text)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// drained yields what is in ch now.
func drained(ch <-chan got) func(func(got) bool) {
	return func(yield func(got) bool) {
		for {
			select {
			case g := <-ch:
				if !yield(g) {
					return
				}
			default:
				return
			}
		}
	}
}

// TestBrokerRestarts kills and stops the real broker at random while 2,000 clips are announced: none is lost, the order
// of first deliveries is that of the journal, and the cursor is never ahead of the acknowledgements.
func TestBrokerRestarts(t *testing.T) {
	for _, persistence := range []string{"false", "true"} {
		t.Run("persistence "+persistence, func(t *testing.T) {
			m := newMosquitto(t, "allow_anonymous true", "persistence "+persistence, "persistence_location "+t.TempDir()+"/").start()
			s := catalogue(t)
			p := newTap(t, m.addr)
			start(t, hurry(New(config(s, p.url()))))
			added := make(chan uint64, 1)
			go func() { added <- add(t, s, "front", 0, 2000) }()
			for range 20 {
				target := p.told() + rand.Uint64N(100)
				eventually(t, s, "some more acknowledgements", func() bool {
					return p.told() >= min(target, 1900) && !ahead(t, s, p.ledger)
				})
				m.stop([]syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[rand.N(2)])
				m.start()
			}
			last := <-added
			eventually(t, s, "the cursor at the end of the journal", func() bool { return !ahead(t, s, p.ledger) && cursorOf(t, s) == last })
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.acked) != 2000 {
				t.Errorf("%d rows acknowledged, want 2000", len(p.acked))
			}
			if !slices.IsSorted(p.first) {
				t.Error("first deliveries are not in the order of the journal")
			}
			sent := 0
			for _, n := range p.seen {
				sent += n
			}
			t.Logf("%d rows in %d messages", len(p.first), sent)
		})
	}
}

// ahead reports, as an error, a cursor that has passed a row without PUBACK.
func ahead(t *testing.T, s *store.Store, p *ledger) bool {
	t.Helper()
	seq := cursorOf(t, s)
	if told := p.told(); seq > told {
		t.Fatalf("the cursor is at %d, but the broker has acknowledged only up to %d", seq, told)
	}
	return false
}

func TestOldClipsOfAScanBecomeOneGap(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	ch := subscribe(t, m.url(), "clipd/+/event")
	a := hurry(New(config(s, m.url())))
	a.limits.gapQuiet = patience
	start(t, a)
	old := time.Now().Add(-48 * time.Hour)
	for group := range slices.Chunk(slices.Collect(count(0, 10_000)), 500) {
		var ops []store.Op
		for _, i := range group {
			ops = append(ops, store.Add(clip("front", i, old), store.Scan))
		}
		apply(t, s, ops...)
	}
	apply(t, s, store.Add(clip("front", 20_000, time.Now()), store.Scan))
	gaps := 0
	for {
		e := event(t, next(t, ch, "/event"))
		if e.EventType == "clip_added" && e.Seq == 10_001 && gaps > 0 {
			break
		}
		if gaps++; e.EventType != "gap" || e.From != 1 || e.Seq != 10_000 || e.Count != 10_000 {
			t.Fatalf("announced %+v, want a gap of rows 1 to 10000 and then row 10001", e)
		}
	}
	eventually(t, s, "the cursor at the end", func() bool { return cursorOf(t, s) == 10_001 })
}

func TestAnOpenGapIsToldWhenNothingFollows(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	ch := subscribe(t, m.url(), "clipd/+/event")
	old := time.Now().Add(-48 * time.Hour)
	apply(t, s, store.Add(clip("front", 1, old), store.Scan), store.Add(clip("front", 2, old), store.Scan))
	start(t, hurry(New(config(s, m.url()))))
	if e := event(t, next(t, ch, "/event")); e.EventType != "gap" || e.From != 1 || e.Seq != 2 || e.Count != 2 {
		t.Errorf("announced %+v, want one gap of rows 1 and 2", e)
	}
	eventually(t, s, "the cursor behind the gap", func() bool { return cursorOf(t, s) == 2 })
}

func TestRestartRepeatsNothing(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	ch := subscribe(t, m.url(), "clipd/+/event")
	stop := start(t, hurry(New(config(s, m.url()))))
	last := add(t, s, "front", 0, 50)
	eventually(t, s, "the cursor at the end", func() bool { return cursorOf(t, s) == last })
	stop()
	for range drained(ch) {
	}
	start(t, hurry(New(config(s, m.url()))))
	last = add(t, s, "front", 50, 1)
	if e := event(t, next(t, ch, "/event")); e.Seq != last {
		t.Errorf("seq %d after a restart, want %d", e.Seq, last)
	}
}

func TestLinksInRetainedMessagesAreRenewed(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	add(t, s, "front", 0, 1)
	ch := subscribe(t, m.url(), "clipd/+/last")
	c := config(s, m.url())
	c.LinkTTL = 4 * time.Second
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

func TestAnnouncementIsPrompt(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	ch := subscribe(t, m.url(), "clipd/+/event")
	start(t, hurry(New(config(s, m.url()))))
	var took []time.Duration
	for i := range 200 {
		began := time.Now()
		add(t, s, "front", i, 1)
		next(t, ch, "/event")
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("commit and message: median %v, 99 %% %v", took[100], took[197])
	if took[100] > time.Second {
		t.Errorf("median %v: something waits on the path", took[100])
	}
}

func TestCredentials(t *testing.T) {
	file := t.TempDir() + "/passwords"
	passwd(t, file, "box", "right")
	m := newMosquitto(t, "allow_anonymous false", "password_file "+file).start()
	s := catalogue(t)
	c := config(s, m.url())
	told := &problems{news: make(chan string, 10)}
	passwords := make(chan string, 1)
	passwords <- "wrong"
	c.Username, c.Problem = "box", told.tell
	c.Password = func() (string, error) { p := <-passwords; passwords <- p; return p, nil }
	a := hurry(New(c))
	start(t, a)
	if p := <-told.news; !strings.Contains(p, "user name or password") || !strings.Contains(p, "mqtt.password_file") {
		t.Errorf("told %q", p)
	}
	if connected, _, text := a.Status(); connected || text == "" {
		t.Errorf("status: connected %v, last error %q", connected, text)
	}
	<-passwords
	passwords <- "right"
	if p := <-told.news; p != "" {
		t.Errorf("told %q with the right password, want that it is over", p)
	}
}

func TestRepeatedTakeOverIsAProblem(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	c := config(s, m.url())
	told := &problems{news: make(chan string, 10)}
	c.Problem = told.tell
	a := hurry(New(c))
	ch := subscribe(t, m.url(), "clipd/+/availability")
	start(t, a)
	timeout := time.After(patience)
	for rivals := 0; ; {
		select {
		case g := <-ch:
			if g.payload == online {
				rival, _ := client(t, m.url(), "clipd-"+boxID)
				rival.Disconnect(0)
				rivals++
			}
		case problem := <-told.news:
			if !strings.Contains(problem, "another client") || !strings.Contains(problem, "clipd-"+boxID) || rivals < contestedAfter {
				t.Errorf("told %q after %d take-overs", problem, rivals)
			}
			return
		case <-timeout:
			t.Fatalf("no problem told after %d take-overs", rivals)
		}
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

func TestBackoffGrowsAndIsReset(t *testing.T) {
	b := backoff{least: time.Second, most: time.Minute}
	for _, most := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if d := b.pause(); d < most*time.Second/2 || d > most*time.Second {
			t.Errorf("pause %v, want 50 to 100 %% of %v", d, most*time.Second)
		}
	}
	b.reset()
	if d := b.pause(); d > time.Second {
		t.Errorf("pause %v after reset", d)
	}
}

func TestOldAndFutureClipsOfAScanAreStale(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	o := outbox{within: 24 * time.Hour}
	for _, c := range []struct {
		age    time.Duration
		origin store.Origin
		want   bool
	}{
		{time.Hour, store.Scan, false}, {25 * time.Hour, store.Scan, true}, {25 * time.Hour, store.Live, false},
		{-1000 * time.Hour, store.Scan, true}, // the clock was not set when it was found
	} {
		e := store.Event{Type: store.ClipAdded, Origin: c.origin, Time: now, Clip: store.Clip{Mtime: now.Add(-c.age)}}
		if got := o.stale(e); got != c.want {
			t.Errorf("%v clip, %v old: stale %v", c.origin, c.age, got)
		}
	}
	if o.stale(store.Event{Type: store.ClipRemoved, Origin: store.Scan, Time: now}) {
		t.Error("a removal is stale")
	}
}

func ExampleConfig() {
	fmt.Println(newTopics("clipd", "0123456789ab").camera("Garten/Tür"))
	// Output: clipd/0123456789ab/camera/Garten%2FTür/last
}
