package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// kills is how often each campaign kills the process; hundreds in all, on a machine that others use too.
const kills = 100

// The box is killed at any moment while recordings arrive: in the end every file is a clip, each is listed once, what
// was announced is there, and no id has changed.
func TestKilledWhileIngesting(t *testing.T) {
	b := newBox(t, "-broker", "none")
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	ids := map[string]string{}
	n := 0
	for range kills {
		b.start()
		for path, id := range b.paths() {
			if was := ids[path]; was != "" && was != id {
				t.Fatalf("%s was clip %s and is %s", path, was, id)
			}
			ids[path] = id
		}
		for range 1 + r.IntN(4) {
			copyFile(t, sample, b.recordings("front", fmt.Sprintf("%05d.mp4", n)))
			n++
		}
		within(r, 20*time.Millisecond)
		b.kill()
	}
	b.start()
	b.waitSame()
	for path, id := range b.paths() {
		if was := ids[path]; was != "" && was != id {
			t.Errorf("%s was clip %s and is %s", path, was, id)
		}
	}
}

// within waits a random time, so that the kill that follows hits any moment: the one wait in these tests that is for no
// event.
func within(r *rand.Rand, d time.Duration) { <-time.After(time.Duration(r.Int64N(int64(d)))) }

// The box is killed at any moment while it announces: every clip is announced at least once, in the order of seq but for
// repetitions, and each URL that was announced works at once.
func TestKilledWhileAnnouncing(t *testing.T) {
	m := newMosquitto(t)
	s := m.subscribe("clipd/+/event")
	b := newBox(t, "-broker", m.url())
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for n := range kills {
		b.start()
		copyFile(t, sample, b.recordings("front", fmt.Sprintf("%05d.mp4", n)))
		within(r, 60*time.Millisecond)
		b.kill()
	}
	b.start()
	b.waitClips(kills)
	told := map[string]uint64{}
	for len(told) < kills {
		e := s.next(func(m message) bool { return m.event().EventType == "clip_added" }).event()
		if was, ok := told[e.Path]; ok && was != e.Seq {
			t.Errorf("%s is announced as seq %d and as %d", e.Path, was, e.Seq)
		}
		told[e.Path] = e.Seq
	}
	for path, id := range b.paths() {
		if status, _ := fetch(t, b.link(id)); status != http.StatusOK {
			t.Errorf("%s answers %d", path, status)
		}
	}
}

// link asks for a signed link to a clip.
func (b *box) link(id string) string {
	b.t.Helper()
	var answer struct{ URL string }
	b.post("/api/v1/clips/"+id+"/link", `{"ttl":"1h"}`, &answer)
	return answer.URL
}

// The catalogue is deleted: the scan gives every clip its old id, so the URLs handed out still work, and pins and tokens
// are where they were.
func TestRebuildKeepsIDsURLsPinsAndTokens(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, catalogue string){
		"deleted": func(t *testing.T, f string) { must(t, os.Remove(f)) },
		"overwritten": func(t *testing.T, f string) {
			must(t, os.WriteFile(f, []byte("this is no catalogue, whatever it was before"), 0o600))
		},
		"cut": func(t *testing.T, f string) { must(t, os.Truncate(f, 20_000)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := startBox(t, "-broker", "none")
			sample := filepath.Join(t.TempDir(), "sample.mp4")
			record(t, sample)
			for i := range 20 {
				copyFile(t, sample, b.recordings("front", fmt.Sprintf("%02d.mp4", i)))
			}
			b.waitClips(20)
			ids, token := b.paths(), b.token()
			pinned := ids["front/07.mp4"]
			link := b.link(pinned)
			b.do(t.Context(), http.MethodPut, "/api/v1/clips/"+pinned+"/pin").Body.Close()
			address := b.url[len("http://"):]
			must(t, b.stop())
			spoil(t, filepath.Join(b.dir, "state", "catalogue.db"))
			b.args = append(b.args, "-listen", address) // the last one counts: the URL must still be good
			b.start()
			b.waitClips(20)
			for path, id := range b.paths() {
				if ids[path] != id {
					t.Errorf("%s was clip %s and is %s", path, ids[path], id)
				}
			}
			if status, _ := fetch(t, link); status != http.StatusOK {
				t.Errorf("the link handed out before answers %d", status)
			}
			for _, c := range b.clips() {
				if c.Pinned != (c.ID == pinned) {
					t.Errorf("%s pinned: %v", c.Path, c.Pinned)
				}
			}
			if b.token() != token {
				t.Error("the admin's token changed")
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
