package announce

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

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
	c.Do = func(_ context.Context, verb string, r api.Request) api.Response {
		if verb == "list" {
			return api.Response{Status: "ok", Data: strings.Repeat("x", maxResponse)}
		}
		return api.Response{Status: "ok", Data: map[string]string{"verb": verb, "camera": r.Camera}}
	}
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

func TestWithoutDoNoVerbIsAllowed(t *testing.T) {
	m := newMosquitto(t).start()
	a := newAsker(t, m)
	ready(t, m, hurry(New(config(catalogue(t), m.url()))))
	if r := a.ask("ping", `{}`); r.Error == nil || r.Error.Type != api.NotAllowed {
		t.Errorf("ping: %+v", r)
	}
}

func TestTooManyRequestsAreBusy(t *testing.T) {
	m := newMosquitto(t).start()
	c := config(catalogue(t), m.url())
	began, release := make(chan struct{}, 100), make(chan struct{})
	c.Do = func(context.Context, string, api.Request) api.Response {
		began <- struct{}{}
		<-release
		return api.Response{Status: "ok"}
	}
	a := newAsker(t, m)
	ready(t, m, hurry(New(c)))
	a.send("ping", `{"transaction":"first"}`, false)
	<-began
	for range waiting {
		a.send("ping", `{"transaction":"waits"}`, false)
	}
	a.send("ping", `{"transaction":"late"}`, false)
	if r := a.next("ping"); r.Error == nil || r.Error.Type != api.Busy || r.Transaction != "late" {
		t.Errorf("the request after %d that wait: %+v", waiting, r)
	}
	close(release)
	for i := range waiting + 1 {
		if r := a.next("ping"); r.Status != "ok" {
			t.Errorf("request %d: %+v", i, r)
		}
	}
}

// TestFloodOfRequestsLosesNoEvent: whoever floods the box with requests keeps no clip from being announced.
func TestFloodOfRequestsLosesNoEvent(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	c := config(s, m.url())
	c.Do = func(context.Context, string, api.Request) api.Response { return api.Response{Status: "ok"} }
	a := newAsker(t, m)
	ready(t, m, hurry(New(c)))
	flood := make(chan mqtt.Token, 5000)
	go func() {
		defer close(flood)
		for range cap(flood) {
			flood <- a.client.Publish("clipd/"+boxID+"/request/ping", 1, false, `{}`)
		}
	}()
	last := add(t, s, "front", 0, 500)
	eventually(t, s, "the cursor at the end of the journal", func() bool { return cursorOf(t, s) == last })
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
