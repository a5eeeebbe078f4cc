package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"clipd/device/watch"
)

// Run watches the root, ingests what is closed in it, and scans: at the start, when asked, and when the watcher may have
// missed something. It goes on through a root that vanishes and returns. It blocks until ctx is done (nil). Call it once.
func (in *Ingest) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		changed := in.Root.Changed()
		if !in.Root.State().Present {
			in.setReady()
			in.rest(ctx, changed)
			continue
		}
		if err := in.session(ctx, changed); err != nil && ctx.Err() == nil {
			in.Log.Warn("watching the recordings folder ended; starting over", "error", err)
			in.Root.Look(ctx)
			pause, cancel := context.WithTimeout(ctx, pulse)
			in.rest(pause, in.Root.Changed())
			cancel()
		}
	}
	return nil
}

func (in *Ingest) setReady() { in.once.Do(func() { close(in.ready) }) }

// rest blocks until something comes, or ctx is done. It goes on showing life.
func (in *Ingest) rest(ctx context.Context, something <-chan struct{}) {
	ticker := time.NewTicker(pulse)
	defer ticker.Stop()
	for {
		in.alive()
		select {
		case <-ctx.Done():
			return
		case <-something:
			return
		case <-ticker.C:
		}
	}
}

// errChangedRoot ends a session: the root went away, came back or is another disk.
var errChangedRoot = errors.New("the recordings folder changed")

// session works for as long as the root is there.
func (in *Ingest) session(ctx context.Context, changed <-chan struct{}) error {
	w, err := watch.New(in.Root.Dir(), in.Log)
	if err != nil {
		return err
	}
	in.whole.Store(false)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return early(ctx, w.Run(ctx)) })
	g.Go(in.newLive(ctx, w).run)
	g.Go(func() error { return in.scans(ctx, w.Ready()) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			return errChangedRoot
		}
	})
	if err := g.Wait(); !errors.Is(err, errChangedRoot) {
		return err
	}
	return nil
}

// early makes an error of a watcher that returns although nobody asked it to.
func early(ctx context.Context, err error) error {
	if err == nil && ctx.Err() == nil {
		return errors.New("the watcher returned")
	}
	return err
}

// scans scans once the watches are placed, so that nothing falls between, and then whenever asked.
func (in *Ingest) scans(ctx context.Context, watching <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return nil
	case <-watching:
	}
	in.setReady()
	lowDisk(ioIdle)
	lowCPU()
	for reason := "start"; ctx.Err() == nil; reason = in.nextScan(ctx) {
		if err := in.scan(ctx, reason); err != nil && ctx.Err() == nil {
			in.Log.Warn("scan broken off; another follows", "after", in.delays.retry, "error", err)
			in.retry()
		}
	}
	return nil
}

// nextScan blocks until a scan is asked for, or due after a failure, and returns why.
func (in *Ingest) nextScan(ctx context.Context) string {
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ""
		case reason := <-in.rescan:
			return reason
		case <-in.failed:
			due = time.After(in.delays.retry)
		case <-due:
			return fmt.Sprintf("something failed %v ago", in.delays.retry)
		}
	}
}

// retry asks for a scan in a while, where asking for one at once would fail again.
func (in *Ingest) retry() {
	select {
	case in.failed <- struct{}{}:
	default:
	}
}

// problem tells Config.Problem what is news.
func (in *Ingest) problem(key, text string) {
	in.mu.Lock()
	news := in.problems[key] != text
	in.problems[key] = text
	in.mu.Unlock()
	if news {
		in.Problem(key, text)
	}
}

// states says whether the problem is stated now.
func (in *Ingest) states(key string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.problems[key] != ""
}
