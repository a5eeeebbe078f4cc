package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// footage is n bytes that differ everywhere.
func footage(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

func TestGetBringsWholeVerifiedFile(t *testing.T) {
	var f fakeBox
	body := footage(3 << 20)
	c := f.add("front/07-55-01.mp4", body)
	dir := t.TempDir()
	code, out, errs := ctl(t, f.start(t), "get", "-o", dir, c.ID)
	if code != exitOK || !strings.Contains(out, "verified") {
		t.Fatalf("exit %d, printed %q, %q", code, out, errs)
	}
	file := filepath.Join(dir, "07-55-01.mp4")
	wantFile(t, file, body)
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("folder holds %q", got)
	}
	if info, err := os.Stat(file); err != nil || !info.ModTime().Equal(modified) {
		t.Errorf("mtime is %v, want the clip's %v (%v)", info.ModTime(), modified, err)
	}
}

func TestGetResumes(t *testing.T) {
	body := footage(1 << 20)
	for name, tc := range map[string]struct {
		part     []byte
		wholeIn  bool // the box ignores the range
		requests int
		ranged   string // of the first request
	}{
		"from the middle":        {part: body[:600_000], requests: 1, ranged: "bytes=600000-"},
		"nothing left to fetch":  {part: body, requests: 0},
		"longer than the clip":   {part: append(slices.Clone(body), 1), requests: 1},
		"damaged":                {part: make([]byte, 600_000), requests: 2, ranged: "bytes=600000-"},
		"damaged, whole":         {part: make([]byte, len(body)), requests: 1},
		"the box has no ranges":  {part: body[:600_000], wholeIn: true, requests: 1, ranged: "bytes=600000-"},
		"an empty part is there": {part: nil, requests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			var f fakeBox
			c := f.add("front/a.mp4", body)
			if tc.wholeIn {
				f.serve = func(w http.ResponseWriter, r *http.Request, body []byte) { _, _ = w.Write(body) }
			}
			dir := t.TempDir()
			write(t, partPath(dir, c), tc.part)
			if code, _, errs := ctl(t, f.start(t), "get", "-o", dir, c.ID); code != exitOK {
				t.Fatalf("exit %d: %s", code, errs)
			}
			wantFile(t, filepath.Join(dir, "a.mp4"), body)
			if len(f.bodied) != tc.requests {
				t.Fatalf("%d requests for the bytes, want %d", len(f.bodied), tc.requests)
			}
			if tc.requests > 0 && f.bodied[0].Get("Range") != tc.ranged {
				t.Errorf("Range: %q, want %q", f.bodied[0].Get("Range"), tc.ranged)
			}
			if tc.ranged != "" && f.bodied[0].Get("If-Range") != `"`+c.ID+`"` {
				t.Errorf("If-Range: %q", f.bodied[0].Get("If-Range"))
			}
		})
	}
}

func TestGetCutOffGoesOnNextTime(t *testing.T) {
	var f fakeBox
	body := footage(2 << 20)
	c := f.add("front/a.mp4", body)
	cut := true
	f.serve = func(w http.ResponseWriter, r *http.Request, body []byte) {
		if !cut {
			http.ServeContent(w, r, "", modified, bytes.NewReader(body))
			return
		}
		w.Header().Set("Content-Length", "2097152")
		_, _ = w.Write(body[:1<<20])
		panic(http.ErrAbortHandler)
	}
	url, dir := f.start(t), t.TempDir()
	code, _, errs := ctl(t, url, "get", "-o", dir, c.ID)
	if code != exitUnreachable || !strings.Contains(errs, "to go on") {
		t.Fatalf("cut off: exit %d: %s", code, errs)
	}
	if got := files(t, dir); !slices.Equal(got, []string{filepath.Base(partPath(dir, c))}) {
		t.Fatalf("cut off: folder holds %q", got)
	}
	cut = false
	code, out, errs := ctl(t, url, "get", "--json", "-o", dir, c.ID)
	var s saved
	if err := json.Unmarshal([]byte(out), &s); code != exitOK || err != nil {
		t.Fatalf("exit %d, %v: %s", code, err, errs)
	}
	if s.Resumed == 0 || !s.Verified || s.Size != c.Size {
		t.Errorf("reported %+v", s)
	}
	wantFile(t, s.File, body)
}

func TestGetGivesUpStalledBox(t *testing.T) {
	var f fakeBox
	c := f.add("front/a.mp4", footage(1<<20))
	f.serve = func(w http.ResponseWriter, r *http.Request, body []byte) {
		w.Header().Set("Content-Length", "1048576")
		_, _ = w.Write(body[:1000])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	base, err := url.Parse(f.start(t))
	if err != nil {
		t.Fatal(err)
	}
	d := download{box: newBox(base, token), dir: t.TempDir(), clip: c, stall: 50 * time.Millisecond}
	if _, err := d.run(context.Background()); !errors.Is(err, errStalled) || !errors.Is(err, errCut) {
		t.Fatalf("ended with %v", err)
	}
}

func TestGetKeepsNoWrongBytes(t *testing.T) {
	var f fakeBox
	c := f.add("front/a.mp4", footage(1<<20))
	f.serve = func(w http.ResponseWriter, r *http.Request, body []byte) {
		wrong := slices.Clone(body)
		wrong[1000] ^= 1
		http.ServeContent(w, r, "", modified, bytes.NewReader(wrong))
	}
	dir := t.TempDir()
	code, _, errs := ctl(t, f.start(t), "get", "-o", dir, c.ID)
	if code != exitFailed || !strings.Contains(errs, "checksum") {
		t.Fatalf("exit %d: %s", code, errs)
	}
	wantFile(t, partPath(dir, c), nil)
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("folder holds %q", got)
	}
}

func TestGetRefusesOtherLength(t *testing.T) {
	var f fakeBox
	body := footage(1 << 20)
	c := f.add("front/a.mp4", body)
	f.serve = func(w http.ResponseWriter, r *http.Request, body []byte) {
		w.Header().Set("Content-Length", "1048577")
		_, _ = w.Write(append(slices.Clone(body), 'x'))
	}
	code, _, errs := ctl(t, f.start(t), "get", "-o", t.TempDir(), c.ID)
	if code != exitFailed || !strings.Contains(errs, "promises 1048577 bytes") {
		t.Fatalf("exit %d: %s", code, errs)
	}
}

func TestGetLeavesOtherFilesAlone(t *testing.T) {
	var f fakeBox
	body := footage(5000)
	c := f.add("front/a.mp4", body)
	url, dir := f.start(t), t.TempDir()
	other := slices.Clone(body) // of the same size
	other[0]++
	write(t, filepath.Join(dir, "a.mp4"), other)
	if code, _, errs := ctl(t, url, "get", "-o", dir, c.ID); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	wantFile(t, filepath.Join(dir, "a.mp4"), other)
	wantFile(t, filepath.Join(dir, "a."+c.ID+".mp4"), body)

	fetched := len(f.bodied)
	code, out, _ := ctl(t, url, "get", "-o", dir, c.ID)
	if code != exitOK || !strings.Contains(out, "already here") || len(f.bodied) != fetched {
		t.Errorf("again: exit %d, %q, %d requests", code, out, len(f.bodied)-fetched)
	}
}

func TestGetGoesOnAfterAClipThatIsGone(t *testing.T) {
	var f fakeBox
	c := f.add("front/a.mp4", footage(10))
	dir := t.TempDir()
	code, _, errs := ctl(t, f.start(t), "get", "-o", dir, "gone000000000000", c.ID)
	if code != exitNoClip || !strings.Contains(errs, "gone000000000000") {
		t.Errorf("exit %d: %s", code, errs)
	}
	wantFile(t, filepath.Join(dir, "a.mp4"), footage(10))
}

func TestGetWithoutChecksumSaysSo(t *testing.T) {
	var f fakeBox
	f.add("front/a.mp4", footage(10))
	f.clips[0].SHA256 = ""
	code, out, _ := ctl(t, f.start(t), "get", "-o", t.TempDir(), f.clips[0].ID)
	if code != exitOK || !strings.Contains(out, "not verified") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestGetSaysWhenThisDiskFails(t *testing.T) {
	var f fakeBox
	c := f.add("front/a.mp4", footage(10))
	code, _, errs := ctl(t, f.start(t), "get", "-o", filepath.Join(t.TempDir(), "missing"), c.ID)
	if code != exitFailed || !strings.Contains(errs, "missing") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestGetInterruptedByPeople(t *testing.T) {
	var f fakeBox
	c := f.add("front/a.mp4", footage(1<<20))
	ctx, interrupt := context.WithCancel(context.Background())
	f.serve = func(w http.ResponseWriter, r *http.Request, body []byte) {
		interrupt()
		<-r.Context().Done()
	}
	t.Setenv(envToken, token)
	if code := run(ctx, []string{"get", "--url", f.start(t), "-o", t.TempDir(), c.ID}, io.Discard, io.Discard); code != exitFailed {
		t.Errorf("exit %d", code)
	}
}
