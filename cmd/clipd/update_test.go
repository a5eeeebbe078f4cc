package main

import (
	"crypto/ed25519"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A good bundle is taken, proves itself and goes on after a crash; the clips are as they were.
func TestUpdate(t *testing.T) {
	t.Parallel()
	m := newImage(t, "-broker", "none")
	m.on()
	copyFile(t, "../../build/sample/sample.mp4", m.recordings("front", "a.mp4"))
	m.waitClips(1)
	before := m.paths()
	code, said := m.update(m.bundle("1.1", binary, builtNew))
	if code != 0 || !strings.Contains(said, "1.0 -> 1.1, healthy") {
		t.Fatalf("clipctl update: exit %d: %s\n%s", code, said, m.lines.all())
	}
	if strings.Contains(m.lines.all(), "ended with a problem") {
		t.Errorf("an update is called a problem:\n%s", m.lines.all())
	}
	m.cut()
	if v := m.versions(); v.Running != "1.1" || v.Previous != "1.0" || v.Packaged != "1.0" || v.Trial || v.Failed != nil {
		t.Errorf("versions: %+v", v)
	}
	if now := m.paths(); len(now) != 1 || now["front/a.mp4"] != before["front/a.mp4"] {
		t.Errorf("clips were %v and are %v", before, now)
	}

	old := m.bundle("1.0.5", binary, builtNew-1)
	if code, said := m.update(old); code != 1 || !strings.Contains(said, "older than the version that runs") {
		t.Errorf("an older bundle: exit %d: %s", code, said)
	}
	if code, said := m.update("--downgrade", "--json", old); code != 0 || !strings.Contains(said, `"outcome":"healthy"`) {
		t.Errorf("an older bundle that was asked for: exit %d: %s\n%s", code, said, m.lines.all())
	}
	if v := m.versions(); v.Running != "1.0.5" || v.Previous != "1.1" {
		t.Errorf("versions: %+v", v)
	}
}

// A version that ends at once, that is never ready, and one that says it is and does nothing, give way to the one before,
// and everybody is told.
func TestUpdateThatFails(t *testing.T) {
	t.Parallel()
	for how, reason := range map[string]string{
		"exit": "three starts failed", "hang": "not ready and healthy within 3s", "unhealthy": "not ready and healthy within 3s",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			broker := newMosquitto(t)
			s := broker.subscribe("clipd/+/state")
			m := newImage(t, "-broker", broker.url())
			told := m.notified()
			m.on()
			program := filepath.Join(t.TempDir(), "clipd")
			goBuild(t, program, "-X main.how="+how, "./testdata/broken")
			if how != "exit" {
				m.give(3 * time.Second)
			}
			code, said := m.update(m.bundle("1.1", program, builtNew))
			if code != 1 || !strings.Contains(said, "1.1 was rolled back: ") || !strings.Contains(said, reason) || !strings.Contains(said, "1.0 runs") {
				t.Fatalf("clipctl update: exit %d: %s\n%s", code, said, m.lines.all())
			}
			if how == "unhealthy" {
				if _, err := told.wait("STATUS=unhealthy"); err != nil {
					t.Errorf("systemd was not told that it is ready: %v", err)
				}
			}
			if v := m.versions(); v.Running != "1.0" || v.Failed == nil || v.Failed.Version != "1.1" || !strings.Contains(v.Failed.Reason, reason) {
				t.Errorf("versions: %+v", v)
			}
			m.log("the update to 1.1 was rolled back: ")
			s.next(func(got message) bool {
				var state struct{ Problems []string }
				return json.Unmarshal(got.payload, &state) == nil && strings.Contains(strings.Join(state.Problems, ""), "the update to 1.1 was rolled back: ")
			})
			m.give(time.Minute)
			if code, said := m.update(m.bundle("1.2", binary, builtNewer)); code != 0 {
				t.Fatalf("the update after it: exit %d: %s\n%s", code, said, m.lines.all())
			}
			if v := m.versions(); v.Running != "1.2" || v.Failed != nil {
				t.Errorf("versions: %+v", v)
			}
		})
	}
}

// What must not run changes nothing; nobody but an admin is asked.
func TestUpdateRefused(t *testing.T) {
	t.Parallel()
	m := newImage(t, "-broker", "none")
	m.on()
	_, other, err := ed25519.GenerateKey(nil)
	must(t, err)
	good := m.bundle("1.1", binary, builtNew)
	spoilt := func(change func(b []byte) []byte) string {
		text, err := os.ReadFile(good)
		must(t, err)
		path := filepath.Join(t.TempDir(), "1.1.update")
		must(t, os.WriteFile(path, change(text), 0o600))
		return path
	}
	for want, bundle := range map[string]string{
		"is not signed":     m.bundleFor("1.1", debianArch(), binary, builtNew, other),
		"is for sparc":      m.bundleFor("1.1", "sparc", binary, builtNew, m.key),
		"older than 1.0":    m.bundle("0.9", binary, builtPackaged-1),
		"Clipd is not what": spoilt(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }),
		"ends too early":    spoilt(func(b []byte) []byte { return b[:len(b)-1000] }),
		"not of the format": binary,
		"something behind":  spoilt(func(b []byte) []byte { return append(b, 0) }),
	} {
		code, said := m.update("--downgrade", bundle)
		if code != 1 || !strings.Contains(said, want) {
			t.Errorf("exit %d: %s; it should say %q", code, said, want)
		}
	}
	if v := m.versions(); v.Running != "1.0" || v.Trial || v.Failed != nil || m.started() != 0 {
		t.Errorf("versions: %+v after %d starts", v, m.started())
	}
}

// Where apt is the update, a bundle is not even sent.
func TestUpdateByAptAlone(t *testing.T) {
	b := startBox(t, "-broker", "none")
	m := newImage(t)
	m.box.url, m.box.dir = b.url, b.dir
	if code, said := m.update(m.bundle("1.1", binary, builtNew)); code != 1 || !strings.Contains(said, "apt is the update") {
		t.Errorf("exit %d: %s", code, said)
	}
	if res := b.do(t.Context(), http.MethodPost, "/api/v1/update"); res.StatusCode != http.StatusConflict {
		t.Errorf("without a bundle: %s", res.Status)
	}
}

// The process is killed at any moment of an update, again and again: what runs is always a whole version, and in the end
// the update is done.
func TestUpdateKilled(t *testing.T) {
	t.Parallel()
	m := newImage(t, "-broker", "none")
	m.on()
	bundle := m.bundle("1.1", binary, builtNew)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 12 {
		if m.chosen().Chosen != "" {
			break
		}
		cmd := m.updating(bundle)
		must(t, cmd.Start())
		within(r, 600*time.Millisecond)
		_ = cmd.Process.Kill() // it must not begin anew with what starts next
		m.cut()
		_ = cmd.Wait()
		if v := m.versions(); v.Running != "1.0" && v.Running != "1.1" || v.Failed != nil {
			t.Fatalf("versions: %+v\n%s", v, m.lines.all())
		}
	}
	if m.chosen().Chosen == "" {
		if code, said := m.update(bundle); code != 0 {
			t.Fatalf("the update at last: exit %d: %s\n%s", code, said, m.lines.all())
		}
	}
	if m.chosen().Trial {
		m.log("the new version is ready and healthy")
	}
	if v := m.versions(); v.Running != "1.1" || v.Trial || v.Failed != nil {
		t.Errorf("versions: %+v", v)
	}
}
