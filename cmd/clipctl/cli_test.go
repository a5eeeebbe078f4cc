package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
)

func TestLsFollowsPages(t *testing.T) {
	var f fakeBox
	for i := range 2500 {
		f.add(fmt.Sprintf("front/%04d.mp4", i), nil)
	}
	url := f.start(t)
	for _, tc := range []struct {
		args []string
		want int
	}{{nil, 100}, {[]string{"-n", "0"}, 2500}, {[]string{"-n", "1001"}, 1001}, {[]string{"-n", "7"}, 7}} {
		code, out, errs := ctl(t, url, append([]string{"ls", "--json"}, tc.args...)...)
		if code != exitOK {
			t.Fatalf("%v: exit %d: %s", tc.args, code, errs)
		}
		n := 0
		for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); n++ {
			var c api.Clip
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil || c.ID != f.clips[n].ID {
				t.Fatalf("%v: line %d is %q", tc.args, n, lines.Text())
			}
		}
		if n != tc.want {
			t.Errorf("%v: %d lines, want %d", tc.args, n, tc.want)
		}
	}
}

func TestLsPrintsNoControlCharacters(t *testing.T) {
	var f fakeBox
	f.add("front/\x1b[2Ja\n.mp4", nil)
	code, out, _ := ctl(t, f.start(t), "ls")
	if code != exitOK || strings.ContainsRune(out, '\x1b') || strings.Count(out, "\n") != 1 {
		t.Errorf("exit %d, printed %q", code, out)
	}
}

func TestFilterBecomesQuery(t *testing.T) {
	var f filter
	cmd := lsCommand(&options{})
	f.register(cmd.InheritedFlags())
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	err := f.flags.Parse([]string{"--camera", "a b", "--from", "2h", "--to", "2026-11-22", "--pinned=false"})
	if err != nil {
		t.Fatal(err)
	}
	q, err := f.query(now)
	if err != nil {
		t.Fatal(err)
	}
	want := "camera=a+b&from=2026-11-22T10%3A00%3A00Z&pinned=false&to=2026-11-22T00%3A00%3A00Z"
	if q.Encode() != want {
		t.Errorf("query %s, want %s", q.Encode(), want)
	}
}

func TestStatusFailsOnProblems(t *testing.T) {
	var f fakeBox
	url := f.start(t)
	if code, out, errs := ctl(t, url, "status"); code != exitOK || !strings.Contains(out, "clips") {
		t.Errorf("healthy: exit %d: %s%s", code, out, errs)
	}
	f.status.Problems = []string{"the recordings folder is not there"}
	code, out, _ := ctl(t, url, "status")
	if code != exitFailed || !strings.Contains(out, f.status.Problems[0]) {
		t.Errorf("with a problem: exit %d: %s", code, out)
	}
	if code, out, _ := ctl(t, url, "status", "--json"); code != exitFailed || !json.Valid([]byte(out)) {
		t.Errorf("as JSON: exit %d: %s", code, out)
	}
}

func TestExitCodes(t *testing.T) {
	var f fakeBox
	url := f.start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, tc := range []struct {
		line string
		want int
		says string
	}{
		{"--help", exitOK, ""},
		{"--version", exitOK, ""},
		{"ls --url " + url, exitOK, ""},
		{"ls --url " + strings.TrimPrefix(url, "http://"), exitOK, ""},
		{"ls --bad", exitUsage, "--bad"},
		{"list", exitUsage, "list"},
		{"get", exitUsage, "arg"},
		{"ls extra", exitUsage, "extra"},
		{"ls --from yesterday --url " + url, exitUsage, "yesterday"},
		{"ls -n -1 --url " + url, exitUsage, "--limit"},
		{"ls --url ftp://box", exitUsage, "ftp://box"},
		{"ls --token a --token-file b --url " + url, exitUsage, "exclude"},
		{"ls --token-file /nonexistent/file --url " + url, exitFailed, "/nonexistent/file"},
		{"ls --token wrong --url " + url, exitRefused, "token"},
		{"ls --url http://" + l.Addr().String(), exitUnreachable, "refused"},
		{"get nosuchclip000000 --url " + url, exitNoClip, "nosuchclip000000"},
	} {
		code, _, errs := ctl(t, "", strings.Fields(tc.line)...)
		if code != tc.want || !strings.Contains(errs, tc.says) {
			t.Errorf("clipctl %s: exit %d, want %d: %s", tc.line, code, tc.want, errs)
		}
	}
	if code, _, errs := ctl(t, "", "ls"); code != exitUsage || !strings.Contains(errs, envURL) {
		t.Errorf("without an address: exit %d: %s", code, errs)
	}
}

func TestTokenFromFile(t *testing.T) {
	var f fakeBox
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, []byte(token+"\n"))
	url := f.start(t)
	t.Setenv(envToken, "wrong")
	if code, _, errs := ctl(t, url, "ls", "--token-file", file); code != exitOK {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestFileNames(t *testing.T) {
	long := strings.Repeat("é", 200) + ".mp4"
	for path, want := range map[string]string{
		"front/a b.mp4":         "a b.mp4",
		"../../etc/passwd":      "passwd",
		"..":                    "0123456789abcdef",
		"":                      "0123456789abcdef",
		"front/.bashrc":         "_.bashrc",
		"-rf":                   "_-rf",
		`C:\Windows\x.mp4`:      "C__Windows_x.mp4",
		"a\x1b[2J\u202e.mp4":    "a_[2J_.mp4",
		"broken\uFFFDutf8.mp4":  "broken_utf8.mp4",
		"ends in dots. . .":     "ends in dots",
		"front/07:55:01+01.mp4": "07_55_01+01.mp4",
		long:                    strings.Repeat("é", (maxName-4)/2) + ".mp4",
	} {
		if got := fileName(api.Clip{ID: "0123456789abcdef", Path: path}); got != want {
			t.Errorf("%q is saved as %q, want %q", path, got, want)
		}
	}
}

func TestParseTime(t *testing.T) {
	zone := time.FixedZone("", 3600)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, zone)
	for s, want := range map[string]time.Time{
		"2h":                        now.Add(-2 * time.Hour),
		"7d":                        now.AddDate(0, 0, -7),
		"2026-11-20":                time.Date(2026, 11, 20, 0, 0, 0, 0, zone),
		"2026-11-20 07:55":          time.Date(2026, 11, 20, 7, 55, 0, 0, zone),
		"2026-11-20T07:55:01Z":      time.Date(2026, 11, 20, 7, 55, 1, 0, time.UTC),
		"2026-11-20T07:55:01+05:00": time.Date(2026, 11, 20, 2, 55, 1, 0, time.UTC),
	} {
		if got, err := parseTime(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v (%v), want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "yesterday", "d", "2026-13-01"} {
		if got, err := parseTime(s, now); err == nil {
			t.Errorf("%q is %v, want an error", s, got)
		}
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 10_000_000: "10.0 MB",
		1 << 62: "4.6 EB",
	} {
		if got := size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
