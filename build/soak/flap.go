package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// flapping records clips while the broker stops and starts all the time: each is announced, in the order of seq but for
// repetitions.
func (c *campaign) flapping(ctx context.Context, clips int, every time.Duration) error {
	dir, done, err := c.scratch("flap")
	if err != nil {
		return err
	}
	defer done()
	b, err := startBroker(dir)
	if err != nil {
		return err
	}
	defer b.stop()
	x, err := c.newBox(filepath.Join(dir, "box"), b.url())
	if err != nil {
		return err
	}
	defer x.kill()
	m, names := &model{}, 0
	follow, err := b.follow(m)
	if err != nil {
		return err
	}
	defer follow()
	if err := x.launch(); err != nil {
		return err
	}
	if err := x.ready(c.start); err != nil {
		c.fail("failed start: %v", err)
		return nil
	}
	w := &work{box: x, model: m, sample: c.sample, names: &names, fail: c.fail}
	recording, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer stop()
		for range clips {
			if err := w.record(recording, nil); err != nil {
				c.fail("recording: %v", err)
				return
			}
		}
	})
	err = c.flap(recording, b, every)
	wg.Wait()
	if err != nil {
		return err
	}
	x.kill()
	if err := c.ends(ctx, x, m); err != nil {
		return err
	}
	for _, late := range m.outOfOrder() {
		c.fail("%s", late)
	}
	return nil
}

// flap stops and starts the broker until ctx is done; it runs at the end.
func (c *campaign) flap(ctx context.Context, b *broker, every time.Duration) error {
	for {
		rest(ctx, every)
		b.finish()
		if err := b.start(); err != nil {
			return err
		}
		c.figures.flaps++
		if ctx.Err() != nil {
			return nil
		}
	}
}

// finish is SIGTERM: what the broker has acknowledged it keeps.
func (b *broker) finish() {
	_ = b.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	_ = b.cmd.Wait()
	b.cmd = nil
}

// outOfOrder returns what was announced for the first time after something with a higher seq.
func (m *model) outOfOrder() (late []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, last := map[uint64]bool{}, uint64(0)
	for _, f := range m.facts {
		if f.kind != announced || known[f.seq] {
			continue
		}
		known[f.seq] = true
		if f.seq < last {
			late = append(late, fmt.Sprintf("seq %d was announced first after %d", f.seq, last))
		}
		last = max(last, f.seq)
	}
	return late
}
