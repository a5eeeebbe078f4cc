package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
)

// lanes goes through f in n campaigns at once, each with boxes and chance of its own, and adds up what they did and found.
// Starting, mounting and waiting leave a processor idle most of the time that one of them takes. All end when one has
// found something.
func (c *campaign) lanes(ctx context.Context, n int, f func(context.Context, *campaign) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	seed, errs := c.seeded().Uint64(), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		lane, done, err := c.lane(i, seed)
		if err != nil {
			errs[i] = err
			break
		}
		wg.Go(func() {
			defer done()
			if errs[i] = f(ctx, lane); errs[i] != nil || len(lane.wrong) > 0 {
				cancel()
			}
			c.merge(lane)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (c *campaign) lane(i int, seed uint64) (lane *campaign, done func(), err error) {
	dir, done, err := c.scratch(fmt.Sprint("lane", i))
	lane = &campaign{program: c.program, dir: dir, sample: c.sample, seed: seed + uint64(i), start: c.start, tell: c.tell, until: c.until, out: c.out}
	return lane, done, err
}

// merge adds what a lane did. All lanes may call it.
func (c *campaign) merge(lane *campaign) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range lane.wrong {
		c.wrong = append(c.wrong, fmt.Sprintf("%s, round %d: %s", filepath.Base(lane.dir), lane.rounds, w))
	}
	f, l := &c.figures, lane.figures
	f.cuts, f.early, f.kills, f.struck = f.cuts+l.cuts, f.early+l.early, f.kills+l.kills, f.struck+l.struck
	f.flaps, f.full, f.facts = f.flaps+l.flaps, f.full+l.full, f.facts+l.facts
	f.damaged.add(l.damaged)
	f.jumps += l.jumps
	f.slowest = max(f.slowest, l.slowest)
}
