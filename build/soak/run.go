package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// How many rounds of each kind a chapter has. A chapter begins with a new box, so that what is compared stays bounded.
const (
	lanesAtOnce   = 4
	cutsAChapter  = 60
	earlyAChapter = 20
	killsAChapter = 100
	clipsAChapter = 10_000
	jumpsAChapter = 60
	flapEvery     = 7 * time.Second
)

// chapter is a part of the campaign with a box of its own.
type chapter struct {
	name string
	run  func(context.Context) error
}

func (c *campaign) chapters() []chapter {
	all := []chapter{
		{"power cuts", c.many(func(ctx context.Context, c *campaign) error { return c.powerCuts(ctx, cutsAChapter, false) })},
		{"early cuts", c.many(func(ctx context.Context, c *campaign) error { return c.earlyCuts(ctx, earlyAChapter) })},
		{"kills", c.many(func(ctx context.Context, c *campaign) error { return c.kills(ctx, killsAChapter) })},
		{"damages", func(ctx context.Context) error { return c.damages(ctx, allDamages) }},
		{"flaps", func(ctx context.Context) error { return c.flapping(ctx, clipsAChapter, flapEvery) }},
		{"full disk", c.fullDisk},
		{"clock", func(ctx context.Context) error { return c.clockJumps(ctx, jumpsAChapter) }},
	}
	return slices.DeleteFunc(all, func(ch chapter) bool { return c.only != "" && ch.name != c.only })
}

// many is a chapter that goes on in several lanes at once.
func (c *campaign) many(f func(context.Context, *campaign) error) func(context.Context) error {
	return func(ctx context.Context) error { return c.lanes(ctx, lanesAtOnce, f) }
}

// run goes from chapter to chapter until ctx is done or something is wrong.
func (c *campaign) run(ctx context.Context) error {
	began := time.Now()
	fmt.Fprintf(c.out, "seed %d\n", c.seed)
	for ctx.Err() == nil && !c.over() {
		for _, ch := range c.chapters() {
			if err := ch.run(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s, round %d of seed %d: %w", ch.name, c.rounds, c.seed, err)
			}
			c.report(ch.name, time.Since(began))
			if len(c.wrong) > 0 {
				fmt.Fprintf(c.out, "WRONG in %s, round %d of seed %d:\n%s\n", ch.name, c.rounds, c.seed, strings.Join(c.wrong, "\n"))
				return errFound
			}
			if ctx.Err() != nil || c.over() {
				break
			}
		}
	}
	return nil
}

// report prints what was done until now.
func (c *campaign) report(after string, took time.Duration) {
	f := c.figures
	if f.damaged.catalogues > 0 {
		fmt.Fprintf(c.out, "%8s  %s\n", "", f.damaged)
	}
	fmt.Fprintf(c.out, "%8s  after %-12s %d power cuts, %d in the first moments of a box, %d kills (%d at the system call meant), %d broker flaps, %d full disks, %d clock jumps, %d facts compared, slowest start %v, %d wrong\n",
		took.Round(time.Second), after+":", f.cuts, f.early, f.kills, f.struck, f.flaps, f.full, f.jumps, f.facts, f.slowest.Round(time.Millisecond), len(c.wrong))
}
