package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
)

func sampleRecording(t *testing.T) []byte {
	t.Helper()
	body, err := os.ReadFile("../../build/sample/sample.mp4")
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestAgainstRealBox(t *testing.T) {
	b, body := startBox(t), sampleRecording(t)
	for i := range 3 {
		b.record(t, fmt.Sprintf("front/2026-11-22_07-55-0%d.mp4", i), body)
	}
	t.Setenv(envToken, b.token)
	code, out, errs := ctl(t, b.url, "ls", "--json", "--oldest", "--token", b.token)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitOK || len(lines) != 3 {
		t.Fatalf("ls: exit %d, %q, %s", code, out, errs)
	}
	var c api.Clip
	if err := json.Unmarshal([]byte(lines[0]), &c); err != nil || c.Path != "front/2026-11-22_07-55-00.mp4" {
		t.Fatalf("ls --oldest begins with %q (%v)", lines[0], err)
	}

	dir := t.TempDir()
	write(t, partPath(dir, c), body[:len(body)/2])
	code, out, errs = ctl(t, b.url, "get", "--json", "--token", b.token, "-o", dir, c.ID)
	var s saved
	if err := json.Unmarshal([]byte(out), &s); code != exitOK || err != nil {
		t.Fatalf("get: exit %d, %q, %s (%v)", code, out, errs, err)
	}
	if s.Resumed != int64(len(body)/2) || !s.Verified {
		t.Errorf("get: %+v", s)
	}
	wantFile(t, filepath.Join(dir, "2026-11-22_07-55-00.mp4"), body)

	code, out, errs = ctl(t, b.url, "status", "--token", b.token)
	if code != exitOK || !strings.Contains(out, "clips      3") {
		t.Errorf("status: exit %d, %q, %s", code, out, errs)
	}
	if code, _, _ = ctl(t, b.url, "ls", "--token", "wrong"); code != exitRefused {
		t.Errorf("ls with a wrong token: exit %d", code)
	}
	if code, _, _ = ctl(t, b.url, "get", "--token", b.token, "0000000000000000"); code != exitNoClip {
		t.Errorf("get of an unknown clip: exit %d", code)
	}
}

// TestReadme runs the commands of the README that use a running box, in the order they stand there.
func TestReadme(t *testing.T) {
	need(t, "bash", "curl", "jq", "mosquitto_sub")
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	b, body := startBox(t), sampleRecording(t)
	b.record(t, "front/"+time.Now().Format("2006-01-02_15-04-05")+".mp4", body)
	script, n := "set -eu -o pipefail\n", 0
	for _, block := range strings.Split(string(text), "```sh\n")[1:] {
		block, _, ended := strings.Cut(block, "```")
		if !ended || strings.HasPrefix(block, "make ") || strings.Contains(block, "while read") {
			continue // make builds and tests this tree; the loop has no end
		}
		script, n = script+block, n+1
	}
	if n < 5 {
		t.Fatalf("README.md has only %d blocks to run", n)
	}
	script = strings.NewReplacer("http://127.0.0.1:8470", b.url, "mosquitto_sub", "mosquitto_sub -W 60 -p "+b.mqtt,
		"mosquitto_rr", "mosquitto_rr -W 60 -p "+b.mqtt).Replace(script)
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = b.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s\n%s", err, script, out)
	}
	if !strings.Contains(string(out), `"transaction":"door-17","status":"ok"`) {
		t.Errorf("the request for a link was not answered:\n%s", out)
	}
	for _, name := range []string{"latest.mp4", "newest.mp4"} {
		wantFile(t, filepath.Join(b.dir, name), body)
	}
}

// need skips the test where a program is missing, and fails it where CI is set.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed; build/deps.sh test installs it", p)
		}
		t.Skipf("%s is not installed", p)
	}
}
