package ingest

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCamera(t *testing.T) {
	in := &Ingest{cameras: globs([]Camera{
		{Match: "cam1/**", Name: "driveway"},
		{Match: "**/garden/*.mkv", Name: "garden"},
		{Match: "in[0-9]/*", Name: "inside"},
		{Match: "**/deep/**/x.mp4", Name: "deep"},
		{Match: "*.avi", Name: "top"},
	})}
	tests := map[string]string{
		"cam1/a.mp4":                        "driveway",
		"cam1/2026/a.mp4":                   "driveway",
		"cam12/a.mp4":                       "cam12",
		"garden/a.mkv":                      "garden",
		"x/y/garden/a.mkv":                  "garden",
		"x/garden/y/a.mkv":                  "x",
		"in3/a.mp4":                         "inside",
		"in3/b/a.mp4":                       "in3",
		"a/deep/b/c/x.mp4":                  "deep",
		"a/deep/x.mp4":                      "deep",
		"a.avi":                             "top",
		"a.mp4":                             "default",
		"front/2026-11-22/07-55-01.mp4":     "front",
		"2026-11-22/07-55-01.mp4":           "default",
		"20261122/07/55.mp4":                "default",
		"2026112207/55M01S.mp4":             "default",
		"2026/11/22/a.mp4":                  "default",
		"2026_11_22/a.mp4":                  "default",
		"2026-11/a.mp4":                     "default",
		"07/a.mp4":                          "default",
		"2/a.mp4":                           "2",
		"77/a.mp4":                          "77",
		"cam2026-11-22/a.mp4":               "cam2026-11-22",
		"-2026/a.mp4":                       "-2026",
		"1280/a.mp4":                        "1280",
		"a+b #1/x.mp4":                      "a+b #1",
		"bad\xff\x01name/x.mp4":             "bad\uFFFD\uFFFDname",
		strings.Repeat("ä", 127) + "/x.mp4": strings.Repeat("ä", 64),
	}
	for file, want := range tests {
		if got := in.camera(file); got != want {
			t.Errorf("camera(%q) = %q, want %q", file, got, want)
		}
	}
}

func TestCheckMatch(t *testing.T) {
	for _, good := range []string{"a/**", "**", "[a-c]*/x?.mp4"} {
		if err := CheckMatch(good); err != nil {
			t.Errorf("CheckMatch(%q): %v", good, err)
		}
	}
	for _, bad := range []string{"", "/abs/**", "a/[/b"} {
		if CheckMatch(bad) == nil {
			t.Errorf("CheckMatch(%q) accepted", bad)
		}
	}
}

func FuzzCamera(f *testing.F) {
	f.Add("a/**/b", "a/x/b")
	f.Add("**/**/**/x", "a/b/c/d/e")
	f.Fuzz(func(t *testing.T, pattern, file string) {
		if len(pattern) > 40 || len(file) > 400 {
			return
		}
		in := &Ingest{cameras: globs([]Camera{{Match: pattern, Name: "named"}})}
		name := in.camera(file)
		if len(name) > maxCamera || !utf8.ValidString(name) {
			t.Fatalf("camera(%q) = %q", file, name)
		}
	})
}
