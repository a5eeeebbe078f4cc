package announce

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"clipd/device/api"
)

// asker sends requests to a box and reads its responses.
type asker struct {
	t       *testing.T
	client  mqtt.Client
	got     <-chan got
	schemas *schemas
}

func newAsker(t *testing.T, m *mosquitto) *asker {
	t.Helper()
	c, ch := client(t, m.url(), "asker")
	done(t, c.Subscribe("clipd/+/response/+", 1, nil))
	return &asker{t, c, ch, newSchemas(t)}
}

func (a *asker) send(verb, payload string, retained bool) {
	a.t.Helper()
	done(a.t, a.client.Publish("clipd/"+boxID+"/request/"+verb, 1, retained, payload))
}

// ask sends a request and returns the next response on the topic of its verb.
func (a *asker) ask(verb, payload string) api.Response {
	a.t.Helper()
	a.send(verb, payload, false)
	return a.next(verb)
}

func (a *asker) next(verb string) (r api.Response) {
	a.t.Helper()
	g := next(a.t, a.got, "/response/"+verb)
	a.schemas.check(g)
	if g.qos != 1 || g.retained {
		a.t.Errorf("%v, want QoS 1 and not retained", g)
	}
	if err := json.Unmarshal([]byte(g.payload), &r); err != nil {
		a.t.Fatalf("%v: %v", g, err)
	}
	return r
}

// ready waits until a is subscribed: it says online only after that.
func ready(t *testing.T, m *mosquitto, a *Announcer) {
	t.Helper()
	ch := subscribe(t, m.url(), "clipd/+/availability")
	start(t, a)
	for next(t, ch, "/availability").payload != online {
	}
}

func TestRequestsAreAnswered(t *testing.T) {
	m := newMosquitto(t).start()
	c := config(catalogue(t), m.url())
	c.Requests = []string{"ping", "list"}
	c.Ask = answering(func(a Ask) api.Response {
		if a.Verb == "list" {
			return api.Response{Status: "ok", Data: strings.Repeat("x", maxResponse)}
		}
		return api.Response{Status: "ok", Data: map[string]string{"verb": a.Verb, "camera": a.Request.Camera}}
	})
	a := newAsker(t, m)
	a.send("ping", `{"transaction":"of another day"}`, true)
	ready(t, m, hurry(New(c)))

	if r := a.ask("ping", `{"transaction":"t1","camera":"front"}`); r.Status != "ok" || r.Transaction != "t1" ||
		r.Data.(map[string]any)["camera"] != "front" {
		t.Errorf("ping: %+v", r)
	}
	if r := a.ask("ping", ` {} `); r.Status != "ok" || r.Transaction != "" {
		t.Errorf("ping without transaction: %+v", r)
	}
	for _, c := range []struct{ verb, payload, transaction, slug string }{
		{"delete", `{"transaction":"t2"}`, "t2", api.NotAllowed},
		{"nonsense", `{"transaction":"t3"}`, "t3", api.NotAllowed},
		{"ping", `{"transaction":"t4","camra":"front"}`, "t4", api.Invalid},
		{"ping", `{"transaction":"t5","limit":"many"}`, "t5", api.Invalid},
		{"ping", `{"transaction":"t6"} {}`, "t6", api.Invalid},
		{"ping", `[]`, "", api.Invalid},
		{"ping", `null`, "", api.Invalid},
		{"ping", ``, "", api.Invalid},
		{"ping", `{`, "", api.Invalid},
		{"ping", "\xff\x00", "", api.Invalid},
		{"ping", `{"transaction":"` + strings.Repeat("x", maxRequest) + `"}`, "", api.Invalid},
		{"list", `{"transaction":"t7"}`, "t7", api.Invalid}, // whose answer is too long
	} {
		r := a.ask(c.verb, c.payload)
		if r.Status != "error" || r.Error == nil || r.Error.Type != c.slug || r.Transaction != c.transaction {
			t.Errorf("%s %.40q: %+v %v, want %s", c.verb, c.payload, r, r.Error, c.slug)
		}
	}
}

// answering is an Ask that answers at once.
func answering(f func(Ask) api.Response) func(Ask) bool {
	return func(a Ask) bool {
		go func() { a.Answer(f(a)) }()
		return true
	}
}

func TestWithoutAskNoVerbIsAllowed(t *testing.T) {
	m := newMosquitto(t).start()
	a := newAsker(t, m)
	ready(t, m, hurry(New(config(catalogue(t), m.url()))))
	if r := a.ask("ping", `{}`); r.Error == nil || r.Error.Type != api.NotAllowed {
		t.Errorf("ping: %+v", r)
	}
}

func TestWhatFindsNoRoomIsAnsweredBusy(t *testing.T) {
	m := newMosquitto(t).start()
	c := config(catalogue(t), m.url())
	c.Ask = func(Ask) bool { return false }
	a := newAsker(t, m)
	ready(t, m, hurry(New(c)))
	if r := a.ask("ping", `{"transaction":"late"}`); r.Error == nil || r.Error.Type != api.Busy || r.Transaction != "late" {
		t.Errorf("%+v", r)
	}
}

// A flood of 10,000 requests: every one is answered or, where it cannot be told apart from others, refused without; no
// announcement waits longer than a second for it.
func TestFloodDelaysNoAnnouncement(t *testing.T) {
	const requests = 10_000
	m := newMosquitto(t).start()
	s := catalogue(t)
	c := config(s, m.url())
	c.Ask = answering(func(Ask) api.Response { return api.Response{Status: "ok"} })
	an := New(c) // with the times of a real box
	asker := newAsker(t, m)
	listener, events := client(t, m.url(), "events")
	done(t, listener.Subscribe("clipd/+/event", 1, nil))
	flooder, _ := client(t, m.url(), "flooder")
	ready(t, m, an)
	flood := make(chan mqtt.Token, requests)
	go func() {
		defer close(flood)
		for i := range requests {
			flood <- flooder.Publish("clipd/"+boxID+"/request/ping", 1, false, fmt.Sprintf(`{"transaction":"%d"}`, i))
		}
	}()
	for i := range 20 {
		add(t, s, "front", i, 1)
		began := time.Now()
		next(t, events, "/event")
		took := time.Since(began)
		if took > time.Second {
			t.Errorf("clip %d was announced after %v", i, took)
		}
	}
	answered := map[string]bool{}
	for len(answered) < requests {
		r := asker.next("ping")
		if answered[r.Transaction] {
			t.Fatalf("transaction %q was answered twice", r.Transaction)
		}
		answered[r.Transaction] = true
	}
	for token := range flood {
		done(t, token)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{}`, `{"transaction":"a"}`, `{"id":1}`, `[{}]`, `{"at":"now","wait":"90s"}`, "\xff", `{"a":`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := decode(payload)
		if err == nil && !json.Valid(payload) {
			t.Errorf("%q was taken as %+v", payload, r)
		}
		if err != nil && (r != api.Request{Transaction: r.Transaction}) {
			t.Errorf("%q is refused, but half of it is kept: %+v", payload, r)
		}
	})
}
