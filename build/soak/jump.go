package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// jumping is a clipd whose wall clock is off by as many seconds as a file says. A time namespace does not cover
// CLOCK_REALTIME, and the machine's own clock is not ours.
var jumping = variant{"a clock that jumps", []edit{{
	"device/clock/clock.go", "return Clock{Now: time.Now,", `now := func() time.Time {
		b, _ := os.ReadFile(os.Getenv("SOAK_CLOCK"))
		off, _ := time.ParseDuration(string(b))
		return time.Now().Add(off)
	}
	return Clock{Now: now,`,
}}}

// jumps are the clocks that a board without a battery may show.
func jumps() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{0, -14 * day, 3 * 365 * day, -time.Since(time.Unix(0, 0)), time.Hour, -time.Hour}
}

// clockJumps keeps a box busy while its clock jumps n times, every other time over its death: nothing acknowledged is
// lost, seq only grows, and it always starts.
func (c *campaign) clockJumps(ctx context.Context, n int) error {
	dir, done, err := c.scratch("clock")
	if err != nil {
		return err
	}
	defer done()
	x, err := c.newBox(filepath.Join(dir, "box"), noBroker)
	if err != nil {
		return err
	}
	if x.program, err = jumping.build(dir); err != nil {
		return err
	}
	file := filepath.Join(dir, "clock")
	x.env = append(os.Environ(), "SOAK_CLOCK="+file)
	c.jumping = true
	defer func() { x.kill(); c.jumping = false }()
	m, names := &model{}, 0
	for i := 0; i < n && len(c.wrong) == 0 && ctx.Err() == nil && !c.over(); i++ {
		if err := c.jumped(ctx, x, m, &names, file); err != nil {
			return err
		}
	}
	return nil
}

// jumped is one life with two jumps in it.
func (c *campaign) jumped(ctx context.Context, x *box, m *model, names *int, file string) error {
	r := c.seeded()
	if err := x.launch(); err != nil {
		return err
	}
	if err := c.verify(ctx, x, m); err != nil {
		return err
	}
	var err error
	c.work(ctx, r, x, m, names, func() {
		if err = c.jump(r, file); err == nil {
			rest(ctx, busy)
			err = c.jump(r, file)
		}
		x.kill()
	})
	return err
}

func (c *campaign) jump(r *rand.Rand, file string) error {
	c.figures.jumps++
	all := jumps()
	next := file + ".new"
	if err := os.WriteFile(next, []byte(fmt.Sprint(all[r.IntN(len(all))])), 0o600); err != nil {
		return err
	}
	return os.Rename(next, file)
}
