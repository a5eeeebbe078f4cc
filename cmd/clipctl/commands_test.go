package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clipd/device/api"
)

func TestCommandsAgainstRealBox(t *testing.T) {
	k := startKillable(t, "none")
	k.record(t, "front/a.mp4", sampleRecording(t))
	t.Setenv(envToken, k.token)
	code, out, errs := ctl(t, k.url, "ls", "--json", "--token", k.token)
	var c api.Clip
	if err := json.Unmarshal([]byte(out), &c); code != exitOK || err != nil {
		t.Fatalf("ls: exit %d: %s%s (%v)", code, out, errs, err)
	}
	const clockDecides = -1 // whether this machine's is set by NTP
	for _, tc := range []struct {
		line string
		want int
		says string
	}{
		{"show " + c.ID, exitOK, "front/a.mp4"},
		{"show 0000000000000000", exitNoClip, "0000000000000000"},
		{"pin " + c.ID, exitOK, "pinned"},
		{"ls --pinned", exitOK, c.ID},
		{"unpin " + c.ID, exitOK, "unpinned"},
		{"link --ttl 1h " + c.ID, exitOK, "sig="},
		{"push --target nowhere " + c.ID, exitNoClip, "no target nowhere"},
		{"push " + c.ID, exitUsage, "--target"},
		{"events", exitOK, "clip_unpinned"},
		{"events --json --after 1", exitOK, `"clip_pinned"`},
		{"doctor", clockDecides, "ok   root"},
		{"status --all", exitUsage, "clipctl login"},
		{"adopt", exitUsage, "--yes"},
		{"rm " + c.ID, exitUsage, "--yes"},
		{"rm --yes " + c.ID, exitOK, "deleted"},
		{"show " + c.ID, exitNoClip, ""},
	} {
		code, out, errs := ctl(t, k.url, append(strings.Fields(tc.line), "--token", k.token)...)
		if code != tc.want && (tc.want != clockDecides || code > exitFailed) || !strings.Contains(out+errs, tc.says) {
			t.Errorf("clipctl %s: exit %d, want %d: %s%s", tc.line, code, tc.want, out, errs)
		}
	}
}

func TestLoginNotesBoxes(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	var f fakeBox
	f.add("front/a.mp4", nil)
	url := f.start(t)
	if code, out, errs := ctl(t, "", "login", "--token", token, "--name", "garden", url); code != exitOK || !strings.Contains(out, "--box garden") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	path, err := configPath()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v (%v)", path, info.Mode(), err)
	}
	t.Setenv(envToken, "")
	for line, want := range map[string]int{"ls": exitOK, "ls --box garden": exitOK, "ls --all": exitOK, "ls --box other": exitUsage, "ls --url " + url: exitOK, "show --all x": exitUsage} {
		var out, errs strings.Builder
		t.Setenv(envURL, "")
		if code := run(context.Background(), strings.Fields(line), &out, &errs); code != want {
			t.Errorf("clipctl %s: exit %d, want %d: %s", line, code, want, errs.String())
		}
	}
	if code, _, errs := ctl(t, "", "login", "--token", "wrong", "--name", "x", url); code != exitRefused {
		t.Errorf("a wrong token: exit %d: %s", code, errs)
	}
	write(t, path, []byte("defalt = \"x\"\n"))
	if code, _, errs := ctl(t, "", "ls"); code != exitUsage || !strings.Contains(errs, "defalt") {
		t.Errorf("an unknown key: exit %d: %s", code, errs)
	}
}

func TestKeyOfCertificate(t *testing.T) {
	var f fakeBox
	f.start(t)
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	key := api.KeyHash(srv.Certificate())
	for _, tc := range []struct {
		key  string
		says string
	}{{"", "certificate"}, {key, "404"}, {"sha256/AAAA", "another key"}} {
		args := []string{"ls"}
		if tc.key != "" {
			args = append(args, "--key", tc.key)
		}
		if _, _, errs := ctl(t, srv.URL, args...); !strings.Contains(errs, tc.says) {
			t.Errorf("with key %q: %s", tc.key, errs)
		}
	}
}

func TestBrokerKnowsBoxes(t *testing.T) {
	broker := startMosquitto(t)
	k := startKillable(t, broker)
	flags := brokerFlags{url: broker, prefix: "clipd"}
	s, err := flags.connect(t.Context(), "", false, "clipd/+/info")
	if err != nil {
		t.Fatal(err)
	}
	defer s.end()
	m, err := s.next(t.Context()) // the box is there
	if err != nil {
		t.Fatal(err)
	}
	var i api.Info
	if err := json.Unmarshal(m.Payload(), &i); err != nil {
		t.Fatal(err)
	}
	code, out, errs := ctl(t, "", "discover", "--broker", broker, "--wait", "200ms", "--json")
	var b found
	if err := json.Unmarshal([]byte(out), &b); code != exitOK || err != nil || b.Box != i.Box || b.URL == "" {
		t.Fatalf("discover: exit %d: %s%s (%v)", code, out, errs, err)
	}
	forget := []string{"forget", b.Box, "--broker", broker, "--wait", "300ms", "--yes"}
	if code, _, errs := ctl(t, "", forget...); code != exitFailed || !strings.Contains(errs, "online") {
		t.Errorf("forget of a box that is online: exit %d: %s", code, errs)
	}
	offline, err := flags.connect(t.Context(), "", false, "clipd/"+b.Box+"/availability")
	if err != nil {
		t.Fatal(err)
	}
	defer offline.end()
	k.kill() // the broker publishes the will
	for {
		m, err := offline.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Payload()) == "offline" {
			break
		}
	}
	if code, out, errs := ctl(t, "", forget...); code != exitOK || !strings.Contains(out, "cleared") {
		t.Errorf("forget: exit %d: %s%s", code, out, errs)
	}
	if code, _, errs := ctl(t, "", forget...); code != exitFailed || !strings.Contains(errs, "keeps nothing") {
		t.Errorf("forget again: exit %d: %s", code, errs)
	}
}

func TestBrokerRefuses(t *testing.T) {
	var f fakeBox
	conf := startMosquittoWith(t, "password_file /dev/null\nallow_anonymous false\n")
	code, _, errs := ctl(t, f.start(t), "pull", "-f", "--broker", conf, t.TempDir())
	if code != exitRefused || !strings.Contains(errs, "user name or password") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestBrokerThatClaimsTooMuch sees that a length is not believed.
func TestBrokerThatClaimsTooMuch(t *testing.T) {
	c := &cappedConn{in: bufioOf("\x30\xff\xff\xff\x7f")}
	if _, err := c.Read(make([]byte, 10)); err == nil || !strings.Contains(err.Error(), "268435455") {
		t.Errorf("a packet of 256 MiB: %v", err)
	}
	c = &cappedConn{in: bufioOf("\x30\x02ab\x30\xff\xff\xff\xff\x7f")}
	if n, err := c.Read(make([]byte, 10)); err != nil || n != 4 {
		t.Errorf("a good packet: %d bytes, %v", n, err)
	}
	if _, err := c.Read(make([]byte, 10)); err == nil {
		t.Error("a malformed length was taken")
	}
}

func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	if code, _, errs := ctl(t, "", "man", dir); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	text, err := os.ReadFile(filepath.Join(dir, "clipctl-pull.1"))
	if err != nil || !strings.Contains(string(text), "Exit codes") {
		t.Errorf("clipctl-pull(1): %v", err)
	}
}

func TestDoctorTellsFixes(t *testing.T) {
	var f fakeBox
	f.status = api.State{StorageProblem: "the marker in the root is missing", Problems: []string{"the marker in the root is missing"}}
	code, out, _ := ctl(t, f.start(t), "doctor")
	if code != exitFailed || !strings.Contains(out, "clipctl adopt") || strings.Count(out, "the marker in the root") != 1 {
		t.Errorf("exit %d:\n%s", code, out)
	}
	code, out, _ = ctl(t, "http://127.0.0.1:1", "doctor", "--json")
	var x finding
	if err := json.Unmarshal([]byte(out), &x); code != exitFailed || err != nil || x.OK || x.Check != "address" || x.Fix == "" {
		t.Errorf("exit %d: %s (%v)", code, out, err)
	}
}

func bufioOf(s string) *bufio.Reader { return bufio.NewReader(strings.NewReader(s)) }
