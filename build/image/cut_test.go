package image

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"clipd/device/api"
)

var (
	cuts = flag.Int("cuts", 10, "how often the power is cut")
	seed = flag.Uint64("seed", 0, "repeats the moments of the cuts of a run that failed")
)

// The power goes at random moments while the box records: it always comes back, with every clip it had, and each cut leaves
// one partial file at most.
func TestPowerCuts(t *testing.T) {
	c := newCard(t)
	private, public := key(t)
	c.put("clipd.toml", settings(public, "", ""))
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	m := c.boot(t, "1")
	m.waitReady()
	m.signIn(private)
	m.record("SEGMENT=5")
	had := m.waitClips(2)
	for n := range *cuts {
		select {
		case <-time.After(time.Duration(random.Int64N(int64(20 * time.Second)))):
		case <-m.off:
			t.Fatal("the board went off by itself")
		}
		if now, err := m.clips(); err == nil {
			had = now
		}
		m.cut()
		m = c.boot(t, "1")
		t.Logf("cut %d: READY after %.0f s of emulation, %d clips before", n+1, m.waitReady().Seconds(), len(had))
		m.waitStatus("the scan has ended", func(s api.Status) bool { return !s.Scanning })
		now := m.waitClips(len(had))
		for id, clip := range had {
			if now[id].SHA256 != clip.SHA256 || now[id].Path != clip.Path {
				t.Errorf("cut %d: clip %s %s is now %+v", n+1, id, clip.Path, now[id])
			}
		}
		// The recorder goes on, so that one more file may be open.
		if partial := m.status().Partial; partial > n+2 {
			t.Errorf("%d cuts left %d partial files", n+1, partial)
		}
		had = m.waitClips(len(had) + 1)
	}
}
