package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the tests do of a campaign, and for how long at most; the rest is make soak's.
const (
	ciCuts, ciEarly, ciKills = 200, 15, 500
	ciTime                   = 150 * time.Second
	damageTime               = 90 * time.Second
	fewest                   = 8 // rounds, or nothing was tried
)

// program is the clipd that people run, built once.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "clipd")
	build := exec.Command("go", "build", "-o", program, "clipd/cmd/clipd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build clipd: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// need skips the test where something is missing, and fails it where CI is set.
func need(t *testing.T, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// newCampaign is one that a test goes through; SOAK_SEED repeats it.
func newCampaign(t *testing.T, programs ...string) *campaign {
	t.Helper()
	for _, p := range programs {
		_, err := exec.LookPath(p)
		if _, other := os.Stat("/usr/sbin/" + p); other == nil {
			err = nil
		}
		need(t, err)
	}
	sample, err := os.ReadFile("../sample/sample.mp4")
	if err != nil {
		t.Fatal(err)
	}
	c := &campaign{program: program, dir: t.TempDir(), sample: sample, seed: rand.Uint64(), start: patience, tell: patience, out: t.Output()}
	if seed := os.Getenv("SOAK_SEED"); seed != "" {
		if _, err := fmt.Sscan(seed, &c.seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SOAK_SEED=%d", c.seed)
	return c
}

// mayMount is why this machine cannot pull the plug of a disk, nil if it can.
func mayMount(t *testing.T) error {
	t.Helper()
	s, err := newShelf(t.TempDir())
	if err != nil {
		return err
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return err
	}
	return s.close()
}

// finish tells what was done and fails the test if anything was wrong.
func (c *campaign) finish(t *testing.T, rounds int, err error) {
	t.Helper()
	c.report(t.Name(), 0)
	if err != nil {
		t.Error(err)
	}
	for _, w := range c.wrong {
		t.Error(w)
	}
	if rounds < fewest && !t.Failed() {
		t.Errorf("only %d rounds were gone through", rounds)
	}
}

func TestPowerCuts(t *testing.T) {
	t.Parallel()
	c := newCampaign(t, "mkfs.ext4", "mosquitto", "mosquitto_sub", "stdbuf")
	need(t, mayMount(t))
	c.until = time.Now().Add(ciTime)
	err := c.lanes(t.Context(), lanesAtOnce, func(ctx context.Context, c *campaign) error {
		return c.powerCuts(ctx, ciCuts/lanesAtOnce, false)
	})
	c.finish(t, c.figures.cuts, err)
}

func TestEarlyPowerCuts(t *testing.T) {
	c := newCampaign(t, "mkfs.ext4")
	need(t, mayMount(t))
	err := c.earlyCuts(t.Context(), ciEarly)
	c.finish(t, c.figures.early, err)
}

// A disk that loses what it said it had flushed, as a program that never calls fsync makes of any: the model notices.
func TestADiskThatLiesIsFoundOut(t *testing.T) {
	c := newCampaign(t, "mkfs.ext4", "mosquitto", "mosquitto_sub", "stdbuf")
	need(t, mayMount(t))
	err := c.powerCuts(t.Context(), ciCuts, true)
	if err == nil && len(c.wrong) == 0 {
		t.Errorf("%d power cuts on a disk that flushes nothing lost nothing: the test tests nothing", c.figures.cuts)
	}
	t.Logf("found out after %d cuts: %v %v", c.figures.cuts, err, strings.Join(c.wrong, "; "))
}

func TestKills(t *testing.T) {
	t.Parallel()
	c := newCampaign(t, "strace", "mosquitto", "mosquitto_sub", "stdbuf")
	c.until = time.Now().Add(ciTime)
	err := c.lanes(t.Context(), lanesAtOnce, func(ctx context.Context, c *campaign) error {
		return c.kills(ctx, ciKills/lanesAtOnce)
	})
	c.finish(t, c.figures.struck, err)
}

// A state folder that is put back to what it was a moment ago has lost what was acknowledged since: the model notices.
func TestALostMomentIsFoundOut(t *testing.T) {
	c := newCampaign(t)
	dir := filepath.Join(c.dir, "box")
	x, err := c.newBox(dir, noBroker)
	if err != nil {
		t.Fatal(err)
	}
	defer x.kill()
	m, names := &model{}, 0
	before := ""
	for round := range 3 {
		if err := x.launch(); err != nil {
			t.Fatal(err)
		}
		if err := c.verify(t.Context(), x, m); err != nil {
			t.Fatal(err)
		}
		if len(c.wrong) > 0 {
			t.Fatal(c.wrong)
		}
		if round == 2 {
			break
		}
		last := m.now().last
		c.work(t.Context(), c.seeded(), x, m, &names, func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := until(ctx, func() (bool, error) { return m.now().last > last+5, nil }); err != nil {
				t.Error(err)
			}
			x.kill()
		})
		if round == 0 {
			before = filepath.Join(c.dir, "before")
			if err := os.CopyFS(before, os.DirFS(filepath.Join(dir, "state"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	x.kill()
	if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(before, filepath.Join(dir, "state")); err != nil {
		t.Fatal(err)
	}
	if err := x.launch(); err != nil {
		t.Fatal(err)
	}
	if err := x.ready(patience); err != nil {
		t.Fatal(err)
	}
	now := m.now()
	if wrong := now.check(t.Context(), x); len(wrong) == 0 {
		t.Error("nothing was found wrong with a box that has lost what it acknowledged: the test tests nothing")
	}
}

// The broker stops and starts while clips are recorded.
func TestFlappingBroker(t *testing.T) {
	c := newCampaign(t, "mosquitto", "mosquitto_sub", "stdbuf")
	err := c.flapping(t.Context(), 300, 200*time.Millisecond)
	c.finish(t, fewest, err)
	if c.figures.flaps < 2 {
		t.Errorf("the broker flapped %d times", c.figures.flaps)
	}
}

// Whoever announces out of order is found out.
func TestOutOfOrder(t *testing.T) {
	m := &model{}
	for _, seq := range []uint64{1, 2, 1, 4, 3, 5} {
		m.note(fact{kind: announced, seq: seq})
	}
	if late := m.outOfOrder(); len(late) != 1 || !strings.Contains(late[0], "seq 3") {
		t.Errorf("%v", late)
	}
}

func TestFullDisk(t *testing.T) {
	c := newCampaign(t, "mkfs.ext4")
	need(t, mayMount(t))
	err := c.fullDisk(t.Context())
	c.finish(t, fewest, err)
}

// The clock jumps while the box works, and while it is dead.
func TestClockJumps(t *testing.T) {
	c := newCampaign(t)
	err := c.clockJumps(t.Context(), 10)
	c.finish(t, c.figures.jumps, err)
}
