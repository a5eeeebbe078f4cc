package announce

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/homeassistant.json anew")

// garage is a box with everything that the document can tell.
func garage(t *testing.T, broker string) Config {
	t.Helper()
	c := config(catalogue(t), broker)
	c.Box, c.Name, c.Version = boxID, "Garage camera box", "1.2.3"
	c.Requests = []string{"rescan", "push"}
	c.Ask = func(Ask) bool { return true }
	c.Discovery = "homeassistant"
	c.Device = Device{Model: "Raspberry Pi Zero 2 W", MAC: "02:5b:26:a8:dc:12", Expect: []string{"drive way", "O'Neil"}}
	c.Pushing, c.SetPushing = func() bool { return true }, func(bool) error { return nil }
	c.Asked, c.Confirm = func() string { return "" }, func(string) error { return nil }
	return c
}

func TestDocumentIsTheGoldenOne(t *testing.T) {
	a := New(garage(t, "tcp://127.0.0.1:1"))
	var got bytes.Buffer
	if err := json.Indent(&got, encode(a.document("http://192.0.2.10:8470")), "", " "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	golden := filepath.Join("testdata", "homeassistant.json")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the document is another one; if that is meant, go test -run Golden -update:\n%s", got.Bytes())
	}
}

// required are the keys without which Home Assistant drops the document or the entity, by platform.
var required = map[string][]string{
	"":              {"platform", "unique_id", "name"},
	"event":         {"state_topic", "event_types"},
	"image":         {"url_topic"},
	"sensor":        {},
	"binary_sensor": {},
	"button":        {"command_topic"},
	"switch":        {"command_topic"},
}

func TestDocumentHasWhatHomeAssistantRequires(t *testing.T) {
	a := New(garage(t, "tcp://127.0.0.1:1"))
	var d struct {
		Device     map[string]any
		Origin     map[string]any
		StateTopic string `json:"state_topic"`
		Components map[string]map[string]any
	}
	if err := json.Unmarshal(encode(a.document("http://192.0.2.10:8470")), &d); err != nil {
		t.Fatal(err)
	}
	if d.Device["identifiers"] == nil || d.Origin["name"] == nil || d.StateTopic == "" || len(d.Components) != 16 {
		t.Errorf("%d components, %+v", len(d.Components), d)
	}
	ids, name := map[any]bool{}, regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	for key, c := range d.Components {
		platform, _ := c["platform"].(string)
		keys, known := required[platform]
		if !known || !name.MatchString(key) {
			t.Errorf("%s: platform %q", key, platform)
		}
		for _, k := range append(required[""], keys...) {
			if c[k] == nil || c[k] == "" {
				t.Errorf("%s has no %s", key, k)
			}
		}
		if ids[c["unique_id"]] {
			t.Errorf("%s has another's unique_id", key)
		}
		ids[c["unique_id"]] = true
		checkComponent(t, key, platform, c)
	}
	if !name.MatchString(a.object()) {
		t.Errorf("%q is no object id", a.object())
	}
}

// checkComponent looks for what Home Assistant refuses.
func checkComponent(t *testing.T, key, platform string, c map[string]any) {
	t.Helper()
	if c["entity_category"] == "config" && strings.HasSuffix(platform, "sensor") {
		t.Errorf("%s: a sensor cannot be of the category config", key)
	}
	if payload, _ := c["payload_press"].(string); platform == "button" && (payload == "" || strings.Contains(payload, "transaction")) {
		t.Errorf("%s: %q, where a second press must not be taken for the first", key, payload)
	}
	if c["device_class"] == "timestamp" && c["unit_of_measurement"] != nil {
		t.Errorf("%s: a timestamp has no unit", key)
	}
	for k, v := range c {
		if s, _ := v.(string); strings.Contains(k, "topic") && (strings.Contains(s, "~") || strings.ContainsAny(s, "+#")) {
			t.Errorf("%s: %s is %q", key, k, s)
		}
	}
}

func TestDocumentIsSentAgainAfterABirth(t *testing.T) {
	m := newMosquitto(t).start()
	helper, ch := client(t, m.url(), "hass")
	done(t, helper.Subscribe("homeassistant/device/+/config", 1, nil))
	start(t, hurry(New(garage(t, m.url()))))
	first := next(t, ch, "/config")
	if first.topic != "homeassistant/device/clipd_"+boxID+"/config" || first.qos != 1 {
		t.Errorf("%v", first)
	}
	newSchemas(t).check(first)
	for range 2 {
		done(t, helper.Publish("homeassistant/status", 1, false, "offline"))
		done(t, helper.Publish("homeassistant/status", 1, false, "online"))
		if again := next(t, ch, "/config"); again.payload != first.payload {
			t.Errorf("%v", again)
		}
	}
}

func TestBirthIsAnsweredAfterOneToTenSeconds(t *testing.T) {
	seen := map[int]bool{}
	for range 2000 {
		d := defaultLimits.birth()
		if d < time.Second || d > 10*time.Second {
			t.Fatalf("after %v", d)
		}
		seen[int(d/time.Second)] = true
	}
	if len(seen) < 9 {
		t.Errorf("always about the same time: %v", seen)
	}
}

// Turned off, or moved, the old document is cleared once, however often the box starts again.
func TestDocumentIsClearedOnce(t *testing.T) {
	m := newMosquitto(t).start()
	helper, ch := client(t, m.url(), "hass")
	done(t, helper.Subscribe("+/device/+/config", 1, nil))
	done(t, helper.Subscribe("clipd/+/availability", 1, nil))
	shown := ""
	session := func(discovery string) (documents []string) {
		c := garage(t, m.url())
		noted := make(chan string, 10)
		c.Discovery, c.Shown, c.NoteShown = discovery, shown, func(d string) error { noted <- d; return nil }
		stop := start(t, hurry(New(c)))
		for online := false; !online; {
			online = next(t, ch, "").payload == "online"
		}
		stop()
		for g := next(t, ch, ""); g.payload != offline; g = next(t, ch, "") {
			if strings.HasSuffix(g.topic, "/config") {
				documents = append(documents, strings.Split(g.topic, "/")[0]+":"+map[bool]string{true: "cleared", false: "shown"}[g.payload == ""])
			}
		}
		for len(noted) > 0 {
			shown = <-noted
		}
		return documents
	}
	for i, want := range []string{"ha:shown", "ha:shown", "homeassistant:shown ha:cleared", ":", ""} {
		discovery := []string{"ha", "ha", "homeassistant", "", ""}[i]
		if want == ":" {
			want = "homeassistant:cleared"
		}
		got := session(discovery)
		for _, w := range strings.Fields(want) {
			if !strings.Contains(strings.Join(got, " "), w) {
				t.Errorf("start %d with discovery %q: %v, want %q", i, discovery, got, want)
			}
		}
		if len(got) != len(strings.Fields(want)) {
			t.Errorf("start %d with discovery %q: %v, want %q", i, discovery, got, want)
		}
	}
	if shown != "" {
		t.Errorf("noted %q", shown)
	}
}

func TestPushIsSwitched(t *testing.T) {
	m := newMosquitto(t).start()
	helper, ch := client(t, m.url(), "hass")
	done(t, helper.Subscribe("clipd/+/push/state", 1, nil))
	done(t, helper.Publish("clipd/"+boxID+"/push/set", 1, true, "OFF")) // of another day
	c := garage(t, m.url())
	on := make(chan bool, 1)
	on <- true
	c.Pushing = func() bool { v := <-on; on <- v; return v }
	c.SetPushing = func(v bool) error { <-on; on <- v; return nil }
	start(t, hurry(New(c)))
	for i, say := range []string{"", "OFF", "nonsense", "OFF", "ON"} {
		if say != "" {
			done(t, helper.Publish("clipd/"+boxID+"/push/set", 1, false, say))
		}
		if say == "nonsense" {
			continue
		}
		want := say
		if want == "" {
			want = "ON"
		}
		if g := next(t, ch, "/push/state"); g.payload != want {
			t.Errorf("%d: %v, want %s", i, g, want)
		}
	}
}
