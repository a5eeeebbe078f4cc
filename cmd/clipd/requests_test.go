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
	"slices"
	"strings"
	"testing"
	"time"
)

// response is what the tests read of an answer.
type response struct {
	Transaction string `json:"transaction"`
	Status      string `json:"status"`
	Error       struct {
		Type  string `json:"type"`
		Title string `json:"title"`
	} `json:"error"`
	Data struct {
		ID       string    `json:"id"`
		Start    time.Time `json:"start"`
		Duration float64   `json:"duration"`
		Size     int64     `json:"size"`
		URL      string    `json:"url"`
		Next     string    `json:"next"`
		Clips    []event   `json:"clips"`
		Targets  []string  `json:"targets"`
	} `json:"data"`
}

// asker asks one box over MQTT, as any client would.
type asker struct {
	t       *testing.T
	m       *mosquitto
	box     string
	answers *subscriber
	early   []message // that came while another was waited for
}

func newAsker(t *testing.T, m *mosquitto, b *box) *asker {
	t.Helper()
	need(t, "mosquitto_pub")
	var status struct {
		Box string `json:"box"`
	}
	b.get("/api/v1/status", &status)
	return &asker{t: t, m: m, box: status.Box, answers: m.subscribe("clipd/" + status.Box + "/response/+")}
}

func (a *asker) send(verb, payload string) {
	a.t.Helper()
	out, err := exec.Command("mosquitto_pub", "-h", "127.0.0.1", "-p", fmt.Sprint(a.m.port), "-q", "1",
		"-t", "clipd/"+a.box+"/request/"+verb, "-m", payload).CombinedOutput()
	if err != nil {
		a.t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
}

// next is the next answer to verb.
func (a *asker) next(verb string) (r response) {
	a.t.Helper()
	wanted := func(m message) bool { return strings.HasSuffix(m.topic, "/response/"+verb) }
	var m message
	if i := slices.IndexFunc(a.early, wanted); i >= 0 {
		m = a.early[i]
		a.early = slices.Delete(a.early, i, i+1)
	} else {
		m = a.answers.next(func(m message) bool {
			if !wanted(m) {
				a.early = append(a.early, m)
			}
			return wanted(m)
		})
	}
	if err := json.Unmarshal(m.payload, &r); err != nil {
		a.t.Fatalf("%s: %v", m.payload, err)
	}
	return r
}

func (a *asker) ask(verb, payload string) response {
	a.t.Helper()
	a.send(verb, payload)
	return a.next(verb)
}

// startRecorder runs a real one that writes segments of two seconds until the test ends.
func startRecorder(t *testing.T, dir string) {
	t.Helper()
	need(t, "ffmpeg")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10", "-c:v", "libx264",
		"-preset", "ultrafast", "-g", "10", "-f", "segment", "-segment_time", "2", "-reset_timestamps", "1", filepath.Join(dir, "%04d.mp4"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// Motion fired: give me the clip of this moment, as soon as it is closed.
func TestTheClipOfThisMoment(t *testing.T) {
	m := newMosquitto(t)
	b := startBox(t, "-broker", m.url())
	events := m.subscribe("clipd/+/event")
	a := newAsker(t, m, b)
	startRecorder(t, b.recordings("front"))
	events.added("front/0000.mp4") // it is under way
	before := time.Now()
	a.send("link", `{"transaction":"motion-1","camera":"front","at":"now","wait":"30s"}`)
	after := time.Now()
	a.send("ping", `{"transaction":"meanwhile"}`)
	if r := a.next("ping"); r.Status != "ok" {
		t.Errorf("ping while another request waits: %+v", r)
	}
	r := a.next("link")
	if r.Status != "ok" || r.Transaction != "motion-1" {
		t.Fatalf("answered %+v", r)
	}
	start, end := r.Data.Start, r.Data.Start.Add(time.Duration(r.Data.Duration*float64(time.Second)))
	const slack = time.Second // as documented
	if start.After(after.Add(slack)) || end.Before(before.Add(-slack)) {
		t.Errorf("the clip is of %v to %v, asked for %v to %v", start, end, before, after)
	}
	status, body := fetch(t, r.Data.URL)
	if status != http.StatusOK || int64(len(body)) != r.Data.Size {
		t.Errorf("%s answers %d with %d bytes, want 200 with %d", r.Data.URL, status, len(body), r.Data.Size)
	}
}

// A transaction that comes again is answered again and not done again, also when the box was killed in between.
func TestRequestIsDoneOnceAcrossAKill(t *testing.T) {
	m := newMosquitto(t)
	file := filepath.Join(t.TempDir(), "clipd.toml")
	if err := os.WriteFile(file, []byte("[mqtt]\nrequests = [\"delete\", \"ping\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := startBox(t, "-broker", m.url(), "-config", file)
	online := m.subscribe("clipd/+/availability")
	record(t, b.recordings("front", "one.mp4"))
	copyFile(t, b.recordings("front", "one.mp4"), b.recordings("front", "two.mp4"))
	b.waitClips(2)
	online.next(func(m message) bool { return string(m.payload) == "online" }) // it listens
	a := newAsker(t, m, b)
	const latest = `{"transaction":"t","latest":true}`
	first := a.ask("delete", latest)
	if first.Status != "ok" {
		t.Fatalf("delete: %+v", first)
	}
	if again := a.ask("delete", latest); again.Data.ID != first.Data.ID {
		t.Errorf("asked again: %+v, want %+v", again, first)
	}
	b.kill()
	b.start()
	online.next(func(m message) bool { return string(m.payload) == "offline" })
	online.next(func(m message) bool { return string(m.payload) == "online" })
	if again := a.ask("delete", latest); again.Status != "ok" || again.Data.ID != first.Data.ID {
		t.Errorf("asked again after a kill: %+v, want %+v", again, first)
	}
	b.waitClips(1)
	if r := a.ask("link", `{"latest":true}`); r.Error.Type != "not-allowed" {
		t.Errorf("a verb that is not allowed: %+v", r)
	}
}

// A clip is pushed by a message and by HTTP; what becomes of it is told.
func TestPushIsAskedFor(t *testing.T) {
	arrived := make(chan string, 10)
	nas := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
		arrived <- fmt.Sprint(r.Method, " ", r.URL.Path, " ", n, " ", r.Header.Get("X-Key"))
	}))
	defer nas.Close()
	headers := write(t, "headers", "X-Key: secret\n")
	config := write(t, "clipd.toml", fmt.Sprintf("[target.nas]\nurl = \"%s/in/{name}\"\nwhen = \"request\"\nheaders_file = %q\n", nas.URL, headers))
	m := newMosquitto(t)
	b := startBox(t, "-broker", m.url(), "-config", config)
	events := m.subscribe("clipd/+/event")
	a := newAsker(t, m, b)
	record(t, b.recordings("front", "one.mp4"))
	e := events.added("front/one.mp4")
	if r := a.ask("push", `{"latest":true,"target":"nas"}`); r.Status != "ok" || r.Data.ID != e.ID || len(r.Data.Targets) != 1 {
		t.Errorf("push: %+v", r)
	}
	want := fmt.Sprintf("PUT /in/one.mp4 %d secret", e.Size)
	done := func(m message) bool { return m.event().EventType == "push_done" }
	if got := <-arrived; got != want {
		t.Errorf("the target got %q, want %q", got, want)
	}
	events.next(done)
	b.post("/api/v1/clips/"+e.ID+"/push", `{}`, &struct{}{})
	if got := <-arrived; got != want {
		t.Errorf("the target got %q, want %q", got, want)
	}
	events.next(done)
	for text, slug := range map[string]string{
		`{"latest":true,"target":"elsewhere"}`:                          "not-found",
		`{"latest":true,"url":"http://192.0.2.1/in"}`:                   "not-allowed",
		`{"latest":true,"url":"ftp://192.0.2.1/in"}`:                    "invalid",
		`{"latest":true,"url":"http://192.0.2.1/in","target":"nas"}`:    "invalid",
		`{"camera":"front","at":"2020-01-01T00:00:00Z","target":"nas"}`: "timeout",
	} {
		if r := a.ask("push", text); r.Error.Type != slug {
			t.Errorf("push %s: %+v, want %s", text, r, slug)
		}
	}
}
