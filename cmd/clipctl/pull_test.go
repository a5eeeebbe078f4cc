package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
)

// pulls decodes what pull --json printed.
func pulls(t *testing.T, out string) (all []saved) {
	t.Helper()
	for d := json.NewDecoder(strings.NewReader(out)); d.More(); {
		var s saved
		if err := d.Decode(&s); err != nil {
			t.Fatalf("%v in %q", err, out)
		}
		all = append(all, s)
	}
	return all
}

// tree returns the clips beneath dir, with slashes.
func tree(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && e.Name() == ".clipctl" {
			return filepath.SkipDir
		}
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			paths = append(paths, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestPullBringsWhatIsNotThere(t *testing.T) {
	var f fakeBox
	bodies := map[string][]byte{}
	for i := range 30 {
		path := fmt.Sprintf("front/%02d.mp4", i)
		bodies[path] = footage(1000 + i)
		f.add(path, bodies[path])
	}
	url, dir := f.start(t), t.TempDir()
	code, out, errs := ctl(t, url, "pull", "--json", "--layout", "{path}", dir)
	if code != exitOK || len(pulls(t, out)) != 30 {
		t.Fatalf("exit %d, %d clips: %s", code, len(pulls(t, out)), errs)
	}
	for path, body := range bodies {
		wantFile(t, filepath.Join(dir, path), body)
	}
	info, err := os.Stat(filepath.Join(dir, "front/07.mp4"))
	if err != nil || !info.ModTime().Equal(modified) {
		t.Errorf("mtime is %v, want the clip's %v (%v)", info.ModTime(), modified, err)
	}
	if got := files(t, filepath.Join(dir, ".clipctl")); len(got) != 2 {
		t.Errorf(".clipctl holds %q, want the ledger and the lock", got)
	}
	deleted := filepath.Join(dir, "front/07.mp4")
	if err := os.Remove(deleted); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := ctl(t, url, "pull", "--json", "--layout", "{path}", dir); code != exitOK || out != "" {
		t.Errorf("the second pull: exit %d, %q", code, out)
	}
	if _, err := os.Stat(deleted); err == nil {
		t.Error("a clip that was deleted in the folder came back")
	}
	code, out, _ = ctl(t, url, "pull", "--json", "--layout", "{path}", "--again", dir)
	fetched := 0
	for _, s := range pulls(t, out) {
		if !s.Already {
			fetched++
		}
	}
	if code != exitOK || fetched != 1 {
		t.Errorf("--again: exit %d, %d clips fetched, want the one that was deleted", code, fetched)
	}
	wantFile(t, deleted, bodies["front/07.mp4"])
}

func TestPullResumesAtAnyByte(t *testing.T) {
	var f fakeBox
	body := footage(1 << 20)
	c := f.add("front/a.mp4", body)
	cuts := 0
	f.serve = func(w http.ResponseWriter, r *http.Request, body []byte) {
		if cuts++; cuts > 20 {
			http.ServeContent(w, r, "", modified, bytes.NewReader(body))
			return
		}
		var from int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(body)-1, len(body)))
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)-from))
		if from > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write(body[from : from+rand.IntN(len(body)/30)])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	dir := t.TempDir()
	code, out, errs := ctl(t, f.start(t), "pull", "--json", "--layout", "{path}", dir)
	if code != exitOK || len(pulls(t, out)) != 1 || cuts != 21 {
		t.Fatalf("exit %d after %d requests: %s%s", code, cuts, out, errs)
	}
	wantFile(t, filepath.Join(dir, "front/a.mp4"), body)
	ranged := 0
	for _, h := range f.bodied {
		if h.Get("Range") != "" && h.Get("If-Range") != `"`+c.ID+`"` {
			t.Errorf("If-Range: %q", h.Get("If-Range"))
		}
		if h.Get("Range") != "" {
			ranged++
		}
	}
	if ranged < 15 {
		t.Errorf("only %d of %d requests went on where the last ended", ranged, cuts)
	}
}

func TestPullGivesUp(t *testing.T) {
	var f fakeBox
	f.add("front/a.mp4", footage(1000))
	f.refuses = func(string) *api.Problem { return api.NewProblem(api.Busy, "Too many downloads at once", "") }
	code, _, errs := ctl(t, f.start(t), "pull", "--timeout", "50ms", t.TempDir())
	if code != exitUnreachable || !strings.Contains(errs, "gave up after 50ms") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestPullWrongBytesAreNotKept(t *testing.T) {
	var f fakeBox
	f.add("front/bad.mp4", footage(1000))
	good := f.add("front/good.mp4", footage(2000))
	f.bodies["0000000000000000"] = make([]byte, 1000)
	dir := t.TempDir()
	code, _, errs := ctl(t, f.start(t), "pull", "--layout", "{path}", dir)
	if code != exitFailed || !strings.Contains(errs, "checksum") || !strings.Contains(errs, "front/bad.mp4") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if got := tree(t, dir); len(got) != 1 || got[0] != good.Path {
		t.Errorf("the folder holds %q", got)
	}
}

func TestPullOfClipThatGoes(t *testing.T) {
	var f fakeBox
	gone := f.add("front/gone.mp4", footage(1<<20))
	f.add("front/stays.mp4", footage(1000))
	cut := false
	f.refuses = func(id string) *api.Problem {
		if id == gone.ID && cut {
			return api.NewProblem(api.Gone, "The clip's file went", "")
		}
		return nil
	}
	f.serve = func(w http.ResponseWriter, r *http.Request, body []byte) {
		if len(body) < 1<<20 {
			http.ServeContent(w, r, "", modified, bytes.NewReader(body))
			return
		}
		cut = true
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	dir := t.TempDir()
	code, _, errs := ctl(t, f.start(t), "pull", "-P", "1", dir)
	if code != exitOK || !strings.Contains(errs, "front/gone.mp4) went from the box") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if got := tree(t, dir); len(got) != 1 {
		t.Errorf("the folder holds %q", got)
	}
	if got := files(t, filepath.Join(dir, ".clipctl")); len(got) != 2 {
		t.Errorf(".clipctl holds %q", got)
	}
}

func TestPullNamesOfClipsAreHarmless(t *testing.T) {
	var f fakeBox
	paths := []string{
		"../../up.mp4", "/etc/passwd", "a/\x00b.mp4", "..", "", ".clipctl/ledger", "a/./../b/../../c.mp4", `..\..\w.mp4`,
		"front/" + strings.Repeat("x", 255), strings.Repeat("é", 300) + ".mp4", strings.Repeat("d/", 50) + "deep.mp4",
		"front/a.mp4", "FRONT/A.mp4", "front//a.mp4", "CON", "-rf", "a\nb.mp4",
	}
	for i, p := range paths {
		f.add(p, footage(500+i))
	}
	for _, layout := range []string{"{path}", string(defaultLayout), "{name}", "../{camera}/{name}", "/{name}"} {
		around := t.TempDir()
		dir := filepath.Join(around, "in", "here")
		code, out, errs := ctl(t, f.start(t), "pull", "--json", "--layout", layout, dir)
		if code != exitOK || len(pulls(t, out)) != len(paths) {
			t.Fatalf("%s: exit %d, %d of %d: %s", layout, code, len(pulls(t, out)), len(paths), errs)
		}
		if got := tree(t, dir); len(got) != len(paths) {
			t.Errorf("%s: the folder holds %d files: %q", layout, len(got), got)
		}
		if got := tree(t, around); len(got) != len(paths) {
			t.Errorf("%s: files lie outside of the folder: %q", layout, got)
		}
		if _, err := openLedger(filepath.Join(dir, ".clipctl", "ledger")); err != nil {
			t.Errorf("%s: %v", layout, err)
		}
	}
}

func TestPullRefusesClipsWithoutAnID(t *testing.T) {
	var f fakeBox
	f.add("front/a.mp4", footage(10))
	f.clips[0].ID = "../../x"
	code, _, errs := ctl(t, f.start(t), "pull", t.TempDir())
	if code != exitFailed || !strings.Contains(errs, "which no box does") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestPullTwiceIntoOneFolder(t *testing.T) {
	var f fakeBox
	dir := t.TempDir()
	first, err := openFolder(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	url := f.start(t)
	if code, _, errs := ctl(t, url, "pull", dir); code != exitBusy || !strings.Contains(errs, "another clipctl") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := ctl(t, url, "pull", dir); code != exitOK {
		t.Errorf("afterwards: exit %d: %s", code, errs)
	}
}

func TestPullRefusesFolderThatLostItsLedger(t *testing.T) {
	var f fakeBox
	f.add("front/a.mp4", footage(1000))
	url, dir := f.start(t), filepath.Join(t.TempDir(), "share")
	if code, _, errs := ctl(t, url, "pull", dir); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if err := os.Rename(dir, dir+".away"); err != nil { // as an unmounted share does
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	code, _, errs := ctl(t, url, "pull", dir)
	if code != exitFailed || !strings.Contains(errs, "not mounted") || !strings.Contains(errs, "--new") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("something was written: %q", got)
	}
	if code, out, errs := ctl(t, url, "pull", "--json", "--new", dir); code != exitOK || len(pulls(t, out)) != 1 {
		t.Errorf("--new: exit %d: %s%s", code, out, errs)
	}
}

func TestPullRecognisesFilesThatAreThere(t *testing.T) {
	var f fakeBox
	body := footage(1000)
	f.add("front/a.mp4", body)
	url, dir := f.start(t), t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "front"), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "front/a.mp4"), body)
	code, out, _ := ctl(t, url, "pull", "--json", "--layout", "{path}", dir)
	if got := pulls(t, out); code != exitOK || len(got) != 1 || !got[0].Already || len(f.bodied) != 0 {
		t.Errorf("exit %d, %d requests: %s", code, len(f.bodied), out)
	}
}

func TestPullRelistsAfterGap(t *testing.T) {
	var f fakeBox
	c := f.add("front/a.mp4", footage(1000))
	f.events = []api.Event{{EventType: "clip_added", Seq: 5, Clip: &c}}
	url, dir := f.start(t), t.TempDir()
	if code, _, errs := ctl(t, url, "pull", dir); code != exitOK || f.listed != 1 {
		t.Fatalf("exit %d, listed %d times: %s", code, f.listed, errs)
	}
	told, untold := f.add("front/told.mp4", footage(2000)), f.add("front/untold.mp4", footage(3000))
	f.events = append(f.events, api.Event{EventType: "clip_added", Seq: 6, Clip: &told})
	if code, out, _ := ctl(t, url, "pull", "--json", dir); code != exitOK || f.listed != 1 || len(pulls(t, out)) != 1 {
		t.Errorf("by the journal: exit %d, listed %d times, %s", code, f.listed, out)
	}
	f.events = []api.Event{{EventType: "gap", From: 7, Seq: 900}}
	code, out, errs := ctl(t, url, "pull", "--json", dir)
	if got := pulls(t, out); code != exitOK || f.listed != 2 || len(got) != 1 || got[0].ID != untold.ID {
		t.Errorf("after a gap: exit %d, listed %d times, %s%s", code, f.listed, out, errs)
	}
}

func TestPullFiltersAsTheBoxDoes(t *testing.T) {
	var f fakeBox
	for i, camera := range []string{"front", "back", "front"} {
		f.add(fmt.Sprintf("%s/%d.mp4", camera, i), footage(100+i))
		f.clips[i].Camera, f.clips[i].Start = camera, api.Time{Time: modified.Add(time.Duration(i) * time.Hour)}
	}
	code, out, errs := ctl(t, f.start(t), "pull", "--json", "--camera", "front", "--from", modified.Add(time.Hour).Format(time.RFC3339), t.TempDir())
	if got := pulls(t, out); code != exitOK || len(got) != 1 || got[0].ID != f.clips[2].ID {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestPullStopsAtItsCeiling(t *testing.T) {
	var f fakeBox
	for i := range 5 {
		f.add(fmt.Sprintf("front/%d.mp4", i), footage(1000))
	}
	dir := t.TempDir()
	code, _, errs := ctl(t, f.start(t), "pull", "--max-size", "3.5kB", "-P", "1", dir)
	if code != exitDiskFull || !strings.Contains(errs, "--max-size") || len(tree(t, dir)) != 3 {
		t.Errorf("exit %d with %d clips: %s", code, len(tree(t, dir)), errs)
	}
}

func TestPullKeepsToItsRate(t *testing.T) {
	var f fakeBox
	f.add("front/a.mp4", footage(300_000))
	began := time.Now()
	code, _, errs := ctl(t, f.start(t), "pull", "--rate", "500kB", t.TempDir())
	if took := time.Since(began); code != exitOK || took < 400*time.Millisecond {
		t.Errorf("exit %d: 300 kB at 500 kB/s took %v: %s", code, took, errs)
	}
}

func TestPullCommandLine(t *testing.T) {
	for _, line := range []string{"pull", "pull --layout {camera} d", "pull --layout {nam}/{name} d", "pull --rate fast d", "pull --max-size 0% d",
		"pull -P 0 d", "pull --newest --oldest d", "pull --broker tcp://x d", "pull --url http://x --all d", "pull --url http://x --box y d"} {
		if code, _, errs := ctl(t, "http://127.0.0.1:1", strings.Fields(line)...); code != exitUsage {
			t.Errorf("clipctl %s: exit %d: %s", line, code, errs)
		}
	}
}
