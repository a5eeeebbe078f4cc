package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// outcome is what one load measured at one contender, by the name of the value.
type outcome map[string]float64

// A load is what clients do to a server.
type load func(ctx context.Context, b *bench, s *server, size int64) (outcome, error)

// each runs do with n clients at once and returns their errors. They connect before any of them begins.
func each(ctx context.Context, s *server, n, window int, do func(i int, c *client) error) error {
	clients := make([]*client, n)
	for i := range clients {
		c, err := dial(ctx, s, window)
		if err != nil {
			return fmt.Errorf("client %d of %d: %w", i+1, n, err)
		}
		defer c.close()
		clients[i] = c
	}
	errs := make([]error, n)
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() { errs[i] = do(i, c) })
	}
	all.Wait()
	return errors.Join(errs...)
}

const downloaders = 30

// asFastAsItGoes is load (a): 30 connections fetch the whole clip at once.
func asFastAsItGoes(ctx context.Context, _ *bench, s *server, size int64) (outcome, error) {
	firsts, wholes := make(times, downloaders), make(times, downloaders)
	began := time.Now()
	err := each(ctx, s, downloaders, 0, func(i int, c *client) (err error) {
		at := time.Now()
		firsts[i], _, err = c.fetch(ctx, 0, 0, 0)
		wholes[i] = time.Since(at)
		if err == nil && c.length != size {
			err = fmt.Errorf("the clip has %d bytes, not %d", c.length, size)
		}
		return errors.Join(err, ctx.Err())
	})
	took := time.Since(began).Seconds()
	return outcome{
		"MB/s": downloaders * float64(size) / 1e6 / took, "s": wholes.quantile(0.5).Seconds(),
		"first ms": float64(firsts.quantile(0.5).Microseconds()) / 1000,
	}, err
}

// atFixedRate is load (b): 30 connections take 100 MB/s in all, so that what is compared is the CPU it costs.
func atFixedRate(ctx context.Context, b *bench, s *server, _ int64) (outcome, error) {
	ctx, stop := context.WithTimeout(ctx, time.Duration(b.pick(10, 4))*time.Second)
	defer stop()
	before, err := s.cpu()
	if err != nil {
		return nil, err
	}
	var moved atomic.Int64
	err = each(ctx, s, downloaders, 0, func(_ int, c *client) error {
		_, n, err := c.fetch(ctx, 0, 0, 100e6/downloaders)
		moved.Add(n)
		return err
	})
	if err != nil {
		return nil, err
	}
	after, err := s.cpu()
	return outcome{"ms/GB": float64((after - before).Milliseconds()) / (float64(moved.Load()) / 1e9),
		"%": served(moved.Load(), 100e6*float64(b.pick(10, 4)))}, err
}

// served is how much of what clients asked for they got, in percent: what is measured at much less is not the load.
func served(moved int64, asked float64) float64 { return float64(moved) / asked * 100 }

// slowly returns load (c): n clients at 50 kB/s each.
func slowly(n int) load {
	return func(ctx context.Context, b *bench, s *server, _ int64) (outcome, error) {
		ctx, stop := context.WithTimeout(ctx, time.Duration(b.pick(20, 8))*time.Second)
		defer stop()
		before, err := s.cpu()
		if err != nil {
			return nil, err
		}
		var moved, threads atomic.Int64
		watched := time.AfterFunc(time.Duration(b.pick(15, 6))*time.Second, func() {
			n, _ := s.sum("Threads")
			threads.Store(n)
		})
		defer watched.Stop()
		err = each(ctx, s, n, 64<<10, func(_ int, c *client) error {
			_, n, err := c.fetch(ctx, 0, 0, 50e3)
			moved.Add(n)
			return err
		})
		if err != nil {
			return nil, err
		}
		after, err := s.cpu()
		if err != nil {
			return nil, err
		}
		peak, err := s.sum("VmHWM")
		return outcome{"MB": float64(peak) / 1e6, "threads": float64(threads.Load()),
			"%":     served(moved.Load(), float64(n)*50e3*float64(b.pick(20, 8))),
			"ms/GB": float64((after - before).Milliseconds()) / (float64(moved.Load()) / 1e9)}, err
	}
}

const rangeBytes = 64 << 10

// smallRanges is load (d): 16 connections that are kept ask for 64 KiB after 64 KiB.
func smallRanges(ctx context.Context, b *bench, s *server, size int64) (outcome, error) {
	const n = 16
	var took [n]times
	began, end := time.Now(), time.Now().Add(time.Duration(b.pick(5, 2))*time.Second)
	err := each(ctx, s, n, 0, func(i int, c *client) error {
		for at := int64(i) * rangeBytes; time.Now().Before(end); at = (at + n*rangeBytes) % (size - rangeBytes) {
			asked := time.Now()
			if _, _, err := c.fetch(ctx, at, at+rangeBytes-1, 0); err != nil {
				return err
			}
			took[i] = append(took[i], time.Since(asked))
		}
		return nil
	})
	var all times
	for _, t := range took {
		all = append(all, t...)
	}
	return outcome{"req/s": float64(len(all)) / time.Since(began).Seconds(),
		"p50 ms": all.quantile(0.5).Seconds() * 1000, "p99 ms": all.quantile(0.99).Seconds() * 1000}, err
}

// amongStalled is load (e): 1,000 clients ask for the clip and read nothing; one more is timed.
func amongStalled(ctx context.Context, b *bench, s *server, size int64) (outcome, error) {
	stalled := make([]*client, 1000)
	for i := range stalled {
		c, err := dial(ctx, s, 64<<10)
		if err != nil {
			return nil, err
		}
		defer c.close()
		if err := c.send(0, 0); err != nil {
			return nil, err
		}
		stalled[i] = c
	}
	var firsts times
	for range b.pick(100, 30) {
		first, err := timeOne(ctx, s)
		if err != nil {
			return nil, err
		}
		firsts = append(firsts, first)
	}
	for _, c := range stalled { // all of them were being answered meanwhile
		if _, err := c.header(); err != nil || c.length != size {
			return nil, fmt.Errorf("a client that read nothing was promised %d bytes of %d: %w", c.length, size, err)
		}
	}
	return outcome{"median ms": firsts.quantile(0.5).Seconds() * 1000, "worst ms": firsts.quantile(1).Seconds() * 1000}, nil
}

// timeOne is the time from connecting to the first byte.
func timeOne(ctx context.Context, s *server) (time.Duration, error) {
	began := time.Now()
	c, err := dial(ctx, s, 0)
	if err != nil {
		return 0, err
	}
	defer c.close()
	if err := c.send(0, rangeBytes-1); err != nil {
		return 0, err
	}
	_, err = c.header()
	return time.Since(began), err
}

// idleConnections is load (i): 5,000 connections have had one answer and are kept.
func idleConnections(ctx context.Context, _ *bench, s *server, _ int64) (outcome, error) {
	const n = 5000
	before, err := anonymous(s.pids[0])
	if err != nil {
		return nil, err
	}
	idle := make([]*client, n)
	for i := range idle {
		c, err := dial(ctx, s, 0)
		if err != nil {
			return nil, err
		}
		defer c.close()
		if _, _, err := c.fetch(ctx, 0, 99, 0); err != nil {
			return nil, err
		}
		idle[i] = c
	}
	after, err := anonymous(s.pids[0])
	if err != nil {
		return nil, err
	}
	for i, c := range idle { // none of them was closed to save memory
		if _, _, err := c.fetch(ctx, 0, 99, 0); err != nil {
			return nil, fmt.Errorf("idle connection %d of %d asks again: %w", i+1, n, err)
		}
	}
	return outcome{"KiB": float64(after-before) / n / 1024}, err
}
