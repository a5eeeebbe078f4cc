package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// guard makes m ask for a password, and forget what is retained when it restarts; then it starts it again. lines are
// added to its configuration.
func (m *mosquitto) guard(users map[string]string, lines ...string) {
	m.t.Helper()
	need(m.t, "mosquitto_passwd")
	m.stop()
	file := m.conf + ".passwords"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		m.t.Fatal(err)
	}
	for user, password := range users {
		if out, err := exec.Command("mosquitto_passwd", "-b", file, user, password).CombinedOutput(); err != nil {
			m.t.Fatalf("mosquitto_passwd: %v\n%s", err, out)
		}
	}
	text := []string{fmt.Sprintf("listener %d 127.0.0.1", m.port), "allow_anonymous false", "password_file " + file, "persistence false"}
	if os.Getuid() == 0 {
		text = append(text, "user root")
	}
	if err := os.WriteFile(m.conf, []byte(strings.Join(append(text, lines...), "\n")+"\n"), 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.start()
}

// client is one with a password; it comes back by itself, as Home Assistant does.
func (m *mosquitto) client(id, user, password string) mqtt.Client {
	m.t.Helper()
	o := mqtt.NewClientOptions().AddBroker(m.url()).SetClientID(id).SetUsername(user).SetPassword(password).
		SetConnectTimeout(patience).SetAutoReconnect(true).SetMaxReconnectInterval(100 * time.Millisecond)
	c := mqtt.NewClient(o)
	did(m.t, c.Connect())
	m.t.Cleanup(func() { c.Disconnect(100) })
	return c
}

func did(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("test client: %v", token.Error())
	}
}

// home plays Home Assistant.
type home struct {
	t      *testing.T
	client mqtt.Client
}

// watch subscribes to topic; what comes goes to the channel.
func (h home) watch(topic string) <-chan message {
	h.t.Helper()
	got := make(chan message, 1000)
	did(h.t, h.client.Subscribe(topic, 1, func(_ mqtt.Client, m mqtt.Message) {
		got <- message{m.Topic(), m.Retained(), m.Payload()}
	}))
	return got
}

func (h home) next(from <-chan message, what string) message {
	h.t.Helper()
	select {
	case m := <-from:
		return m
	case <-time.After(patience):
		h.t.Fatalf("nothing came: %s", what)
		return message{}
	}
}

func (h home) send(topic, payload string) {
	h.t.Helper()
	did(h.t, h.client.Publish(topic, 1, false, payload))
}

// discovered is the device document as Home Assistant reads it.
type discovered struct {
	Availability []struct{ Topic string }
	StateTopic   string `json:"state_topic"`
	Components   map[string]struct {
		Platform      string
		StateTopic    string `json:"state_topic"`
		CommandTopic  string `json:"command_topic"`
		URLTopic      string `json:"url_topic"`
		Attributes    string `json:"json_attributes_topic"`
		ValueTemplate string `json:"value_template"`
		PayloadPress  string `json:"payload_press"`
	}
}

func (h home) discover() (d discovered) {
	h.t.Helper()
	m := h.next(h.watch("homeassistant/device/+/config"), "the document")
	if err := json.Unmarshal(m.payload, &d); err != nil || len(d.Components) == 0 {
		h.t.Fatalf("%v: %s", err, m.payload)
	}
	return d
}

var reads = regexp.MustCompile(`value_json\.(\w+)`)

// follow subscribes to everything that d names, and checks that each entity finds in the messages what its template reads.
func (h home) follow(d discovered) {
	h.t.Helper()
	if m := h.next(h.watch(d.Availability[0].Topic), "availability"); string(m.payload) != "online" || !m.retained {
		h.t.Errorf("availability: %s", m.payload)
	}
	for key, c := range d.Components {
		topic := c.StateTopic + c.URLTopic
		if topic == "" && c.CommandTopic == "" {
			topic = d.StateTopic
		}
		if topic == "" || c.Platform == "event" {
			continue
		}
		m := h.next(h.watch(topic), key)
		if c.Platform == "switch" {
			continue
		}
		var fields map[string]any
		if err := json.Unmarshal(m.payload, &fields); err != nil {
			h.t.Errorf("%s: %v", key, err)
		}
		for _, name := range reads.FindAllStringSubmatch(c.ValueTemplate, -1) {
			if _, ok := fields[name[1]]; !ok {
				h.t.Errorf("%s reads %s, which %s does not have: %s", key, name[1], topic, m.payload)
			}
		}
	}
}

// press presses every button that is a request twice. The other one confirms what retention asks, which is nothing here:
// it stays unanswered.
func (h home) press(d discovered) {
	h.t.Helper()
	buttons := 0
	for key, c := range d.Components {
		if c.Platform != "button" {
			continue
		}
		if key == "confirm_deletion" {
			h.send(c.CommandTopic, c.PayloadPress)
			continue
		}
		buttons++
		answers := h.watch(strings.Replace(c.CommandTopic, "/request/", "/response/", 1))
		for range 2 {
			h.send(c.CommandTopic, c.PayloadPress)
			if m := h.next(answers, "the answer to "+key); !strings.Contains(string(m.payload), `"status":"ok"`) {
				h.t.Errorf("%s: %s", key, m.payload)
			}
		}
	}
	if buttons != 2 {
		h.t.Errorf("%d buttons", buttons)
	}
}

func (h home) flip(d discovered) {
	h.t.Helper()
	c := d.Components["push"]
	state := h.watch(c.StateTopic)
	if m := h.next(state, "push/state"); string(m.payload) != "ON" {
		h.t.Errorf("push is %s", m.payload)
	}
	for _, want := range []string{"OFF", "ON"} {
		h.send(c.CommandTopic, want)
		if m := h.next(state, "push/state"); string(m.payload) != want {
			h.t.Errorf("push is %s, want %s", m.payload, want)
		}
	}
}

// picture fetches the image as Home Assistant does: by the URL alone.
func (h home) picture(d discovered) {
	h.t.Helper()
	var poster struct {
		URL string `json:"poster_url"`
	}
	m := h.next(h.watch(d.Components["poster"].URLTopic), "the poster")
	if err := json.Unmarshal(m.payload, &poster); err != nil {
		h.t.Fatal(err)
	}
	if status, body := fetch(h.t, poster.URL); status != http.StatusOK || !strings.HasPrefix(string(body), "\xff\xd8\xff") {
		h.t.Errorf("%s answers %d with %.10q", poster.URL, status, body)
	}
}

func TestHomeAssistant(t *testing.T) {
	m := newMosquitto(t)
	m.guard(map[string]string{"clipd": "secret", "homeassistant": "home"})
	var pushed atomic.Int32
	arrived := make(chan struct{}, 10)
	nas := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		pushed.Add(1)
		w.WriteHeader(http.StatusCreated)
		arrived <- struct{}{}
	}))
	defer nas.Close()
	b := homeBox(t, m, nas.URL)
	h := home{t, m.client("homeassistant", "homeassistant", "home")}
	d := h.discover()
	h.follow(d)
	h.flip(d)
	h.press(d)
	<-arrived
	h.picture(d)

	online := h.watch(d.Availability[0].Topic)
	h.next(online, "availability")
	m.stop()
	m.start()
	b.log("session with the broker")
	again := home{t, m.client("homeassistant-2", "homeassistant", "home")}
	if after := again.discover(); len(after.Components) != len(d.Components) {
		t.Errorf("after a restart of the broker: %+v", after)
	}
	again.follow(d)
	again.picture(d)
}

// homeBox has a camera with a picture, a camera that is waited for, and a target.
func homeBox(t *testing.T, m *mosquitto, nas string) *box {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf(`[mqtt]
username = "clipd"
password_file = "mqtt-password"
[[camera]]
match = "front/**"
name = "front"
expect = "2m"
[target.nas]
url = "%s/{name}"
when = "request"
`, nas)
	for name, text := range map[string]string{"clipd.toml": text, "mqtt-password": "secret\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := newBox(t, "-broker", m.url(), "-config", filepath.Join(dir, "clipd.toml"))
	if err := os.MkdirAll(b.recordings("front"), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120", "-frames:v", "1", b.recordings("front", "one.jpg")).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	b.start()
	record(t, b.recordings("front", "one.mp4"))
	b.waitClips(1)
	b.log("msg=announced")
	return b
}

// A wrong password is a problem that names what to set.
func TestWrongPasswordIsSaid(t *testing.T) {
	m := newMosquitto(t)
	m.guard(map[string]string{"clipd": "another"})
	dir := t.TempDir()
	file := filepath.Join(dir, "clipd.toml")
	for name, text := range map[string]string{file: "[mqtt]\nusername = \"clipd\"\npassword_file = \"pw\"\n", filepath.Join(dir, "pw"): "secret\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := startBox(t, "-broker", m.url(), "-config", file)
	b.log("msg=problem part=broker")
	var status struct{ Problems []string }
	b.get("/api/v1/status", &status)
	if text := strings.Join(status.Problems, " "); !strings.Contains(text, "refused the user name or password") {
		t.Errorf("problems: %q", text)
	}
}
