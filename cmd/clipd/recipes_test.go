package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"go.yaml.in/yaml/v3"
)

// The files of build/recipes are run as they stand, with nothing replaced but addresses.

func recipe(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "build", "recipes", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// write makes a file in a folder of its own and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAccessRules: each box speaks for itself alone, Home Assistant hears and asks all of them.
func TestAccessRules(t *testing.T) {
	const other = "ba9876543210"
	m := newMosquitto(t)
	b := startBox(t, "-broker", "none")
	var status struct{ Box string }
	b.get("/api/v1/status", &status)
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	m.guard(map[string]string{status.Box: "one", other: "two", "homeassistant": "home", "nodered": "red"},
		"acl_file "+write(t, "acl.conf", recipe(t, "mosquitto-acl.conf")))
	h := home{t, m.client("ha", "homeassistant", "home")}
	events := h.watch("clipd/+/event")

	config := write(t, "clipd.toml", fmt.Sprintf("[mqtt]\nusername = %q\npassword_file = %q\n", status.Box, write(t, "pw", "one\n")))
	b.args = []string{"-broker", m.url(), "-config", config}
	b.start()
	b.log("session with the broker")
	h.discover() // the box may write its document
	record(t, b.recordings("front", "one.mp4"))
	h.next(events, "an event")
	answers := h.watch("clipd/+/response/ping")
	h.send("clipd/"+status.Box+"/request/ping", "{}")
	h.next(answers, "an answer")
	red := home{t, m.client("red", "nodered", "red")}
	links := red.watch("clipd/+/response/link")
	red.send("clipd/"+status.Box+"/request/link", `{"latest":true}`)
	red.next(links, "an answer to Node-RED")

	stranger := home{t, m.client("stranger", other, "two")}
	document := "homeassistant/device/clipd_" + status.Box + "/config"
	for _, topic := range []string{"clipd/" + status.Box + "/event", "clipd/#", document} {
		token := stranger.client.Subscribe(topic, 1, nil).(*mqtt.SubscribeToken)
		did(t, token)
	}
	mine := stranger.watch("clipd/" + other + "/#")
	for _, topic := range []string{"clipd/" + status.Box + "/request/ping", "clipd/" + status.Box + "/event", document} {
		stranger.send(topic, "forged")
		red.send(topic, "forged")
	}
	stranger.send("clipd/"+other+"/event", "its own")
	if got := h.next(events, "the other box's event"); string(got.payload) != "its own" {
		t.Errorf("%s: %s", got.topic, got.payload)
	}
	if got := stranger.next(mine, "what it may hear"); got.topic != "clipd/"+other+"/event" {
		t.Errorf("a box hears %s", got.topic)
	}
	h.send("clipd/"+status.Box+"/request/ping", `{"transaction":"last"}`)
	if got := h.next(answers, "an answer"); !strings.Contains(string(got.payload), `"last"`) {
		t.Errorf("a forged request was answered: %s", got.payload)
	}
}

// startNginx runs one whose server block holds the recipe, for a box at address, and returns its own address.
func startNginx(t *testing.T, port int, address string) {
	t.Helper()
	dir := t.TempDir()
	text := strings.Replace(recipe(t, "nginx.conf"), "192.0.2.10:8470", address, 1)
	for name, text := range map[string]string{"recipe.conf": text, "nginx.conf": fmt.Sprintf(`
daemon off; pid %[1]s/pid; error_log stderr notice; master_process off;
events {}
http {
	client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
	server { listen 127.0.0.1:%[2]d; include %[1]s/recipe.conf; }
}`, dir, port)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("nginx", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	said := newLines()
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := said.wait("using the \"epoll\""); err != nil {
		t.Fatalf("nginx did not start: %v\n%s", err, said.all())
	}
}

// TestBehindNginx: links in messages lead through it, with ranges and live events.
func TestBehindNginx(t *testing.T) {
	need(t, "nginx")
	port := freePort(t)
	public := fmt.Sprintf("http://127.0.0.1:%d/front-door", port)
	m := newMosquitto(t)
	s := m.subscribe("clipd/+/event")
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	startNginx(t, port, address)
	b := startBox(t, "-broker", m.url(), "-listen", address, "-config", write(t, "clipd.toml", fmt.Sprintf("[http]\npublic_url = %q\n", public)))
	b.url = public
	stream := b.do(t.Context(), http.MethodGet, "/api/v1/events", "Accept", "text/event-stream")
	defer stream.Body.Close()
	record(t, b.recordings("front", "one.mp4"))
	e := s.added("front/one.mp4")
	if !strings.HasPrefix(e.URL, public+"/clips/") {
		t.Fatalf("announced as %s", e.URL)
	}
	if line := eventLine(t, stream.Body); !strings.Contains(line, e.ID) {
		t.Errorf("the event stream brought %q", line)
	}
	status, whole := fetch(t, e.URL)
	if status != http.StatusOK || int64(len(whole)) != e.Size {
		t.Fatalf("%d with %d bytes, want %d", status, len(whole), e.Size)
	}
	for _, condition := range []struct {
		etag   string
		status int
		want   string
	}{{`"` + e.ID + `"`, http.StatusPartialContent, string(whole[100:200])}, {`"another"`, http.StatusOK, string(whole)}} {
		got, text, header := part(t, e.URL, "bytes=100-199", condition.etag)
		if got != condition.status || text != condition.want {
			t.Errorf("If-Range %s: %d with %d bytes and %q", condition.etag, got, len(text), header)
		}
	}
}

// eventLine is the first data line of an event stream.
func eventLine(t *testing.T, stream io.Reader) string {
	t.Helper()
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: ") {
			return lines.Text()
		}
	}
	t.Fatalf("the event stream ended: %v", lines.Err())
	return ""
}

func part(t *testing.T, url, span, etag string) (status int, body, contentRange string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", span)
	req.Header.Set("If-Range", etag)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header.Get("Content-Range")
}

// TestBlueprint: it is YAML whose inputs are all declared and used, and it reads only keys that messages have.
func TestBlueprint(t *testing.T) {
	text := recipe(t, "homeassistant-notify.yaml")
	var b struct {
		Blueprint struct {
			Name, Domain string
			Input        map[string]struct{ Name string }
		}
		Triggers, Conditions, Actions []map[string]any
	}
	if err := yaml.Unmarshal([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	if b.Blueprint.Name == "" || b.Blueprint.Domain != "automation" || len(b.Triggers) != 1 || len(b.Actions) == 0 || len(b.Conditions) == 0 {
		t.Errorf("%+v", b)
	}
	for _, used := range regexp.MustCompile(`!input (\w+)`).FindAllStringSubmatch(text, -1) {
		if _, ok := b.Blueprint.Input[used[1]]; !ok {
			t.Errorf("input %s is used and not declared", used[1])
		}
	}
	for name := range b.Blueprint.Input {
		if !strings.Contains(text, "!input "+name) {
			t.Errorf("input %s is not used", name)
		}
	}
	described, err := os.ReadFile(filepath.Join("..", "..", "device", "api", "asyncapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range regexp.MustCompile(`(?:payload_json|clip|value_json)\.([a-z_]+)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(described), " "+key[1]+": {") && !strings.Contains(string(described), " "+key[1]+":\n") {
			t.Errorf("it reads %s, which no message has", key[1])
		}
	}
}

// nodeRed finds the program: in PATH, or where build/deps.sh puts it.
func nodeRed(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("node-red"); err == nil {
		return path
	}
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", ".node-red", "node_modules", ".bin", "node-red"))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err == nil {
		return path
	}
	const missing = "Node-RED is not installed; build/deps.sh test installs it"
	if os.Getenv("CI") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// flow is the recipe with the values that its user would set.
func flow(t *testing.T, values map[string]string, port int) string {
	t.Helper()
	var nodes []map[string]any
	if err := json.Unmarshal([]byte(recipe(t, "nodered-motion-clip.json")), &nodes); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		if n["type"] == "mqtt-broker" {
			n["broker"], n["port"] = "127.0.0.1", fmt.Sprint(port)
		}
		env, _ := n["env"].([]any)
		for _, e := range env {
			v := e.(map[string]any)
			v["value"] = values[v["name"].(string)]
		}
	}
	text, err := json.Marshal(nodes)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNodeRedFetchesTheClipOfAMotion runs the flow in Node-RED: a sensor fires, a recorder is at work, and a file that is
// the clip of that moment lies in the folder.
func TestNodeRedFetchesTheClipOfAMotion(t *testing.T) {
	program := nodeRed(t)
	m := newMosquitto(t)
	b := startBox(t, "-broker", m.url())
	var status struct{ Box string }
	b.get("/api/v1/status", &status)
	folder, dir := t.TempDir(), t.TempDir()
	values := map[string]string{"MOTION_TOPIC": "house/motion", "BOX": status.Box, "CAMERA": "front", "FOLDER": folder}
	file := write(t, "flows.json", flow(t, values, m.port))
	requests := m.subscribe("clipd/+/request/link")
	settings := write(t, "settings.js", fmt.Sprintf("module.exports = {uiHost: '127.0.0.1', uiPort: %d, flowFile: %q, userDir: %q, "+
		"disableEditor: true, telemetry: {enabled: false}, logging: {console: {level: 'info'}}}\n", freePort(t), file, dir))
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, "-s", settings)
	said := newLines()
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); cmd.Wait() })
	if _, err := m.said.wait("house/motion (QoS"); err != nil {
		t.Fatalf("Node-RED did not subscribe: %v\n%s\n%s", err, said.all(), m.said.all())
	}
	events := m.subscribe("clipd/+/event")
	startRecorder(t, b.recordings("front"))
	events.added("front/0000.mp4")
	out, err := exec.Command("mosquitto_pub", "-h", "127.0.0.1", "-p", fmt.Sprint(m.port), "-q", "1", "-t", "house/motion", "-m", `{"occupancy":true}`).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	requests.next(func(message) bool { return true })
	line, err := said.wait(folder)
	if err != nil {
		t.Fatalf("no file was written: %v\n%s", err, said.all())
	}
	t.Log(line)
	written, err := filepath.Glob(filepath.Join(folder, "front", "*", "*.mp4"))
	if err != nil || len(written) != 1 {
		t.Fatalf("files: %v, %v\n%s", written, err, said.all())
	}
	var clip event
	id, _, _ := strings.Cut(filepath.Base(written[0]), "-")
	b.get("/api/v1/clips/"+id, &clip)
	got, err := os.ReadFile(written[0])
	if want, _ := os.ReadFile(b.recordings(clip.Path)); err != nil || string(got) != string(want) {
		t.Errorf("%s has %d bytes, the recording %d: %v", written[0], len(got), len(want), err)
	}
}
