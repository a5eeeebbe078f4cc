package device

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"clipd/device/clock"
	"clipd/store"
)

const (
	// clockEvery is how often a clock that is not trusted is looked at. While it is, nobody looks.
	clockEvery = 5 * time.Second
	// clockStep is how far a clock must be set to have been set; what is less is its drift.
	clockStep = 2 * time.Second
)

// clockWatch notes what an untrusted wall clock shows, and has the clips of this boot corrected when it becomes trusted;
// design.md, "Time". One goroutine uses it.
type clockWatch struct {
	clock   clock.Clock
	store   *store.Store
	log     *slog.Logger
	changed func() // told when the clock has become trusted

	boot store.Boot
	seen time.Duration // the uptime of the last look
}

func (b *box) watchClock(ctx context.Context) error {
	w := &clockWatch{clock: b.clock, store: b.store, log: b.log, changed: func() { b.poke(); b.calmDown() }}
	return w.run(ctx)
}

// run looks until the clock is trusted, then waits for ctx to be done.
func (w *clockWatch) run(ctx context.Context) error {
	if err := w.begin(); err != nil {
		return err
	}
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		done, err := w.look(ctx)
		if err != nil && ctx.Err() == nil {
			w.log.Error("the clock's state could not be kept; it is tried again", "error", err)
		}
		if done {
			<-ctx.Done()
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// begin takes up what an earlier run of this boot has kept.
func (w *clockWatch) begin() error {
	b, ok, err := w.store.Boot()
	if err != nil {
		return fmt.Errorf("read what is kept of this boot: %w", err)
	}
	if !ok {
		b = store.Boot{ID: w.clock.Boot}
	}
	w.boot = b
	return nil
}

// look notes a step of the clock, or corrects once it is trusted; done tells that there is nothing more to see.
func (w *clockWatch) look(ctx context.Context) (done bool, err error) {
	up := w.clock.Uptime()
	base := w.clock.Now().Add(-up)
	before := w.seen
	w.seen = up
	switch {
	case !w.boot.Right.IsZero():
		return true, nil
	case w.clock.Synced():
		return w.synchronised(ctx, base, up)
	case len(w.boot.Steps) == 0:
		return false, w.keep(ctx, store.Step{Base: base})
	case base.Sub(w.boot.Steps[len(w.boot.Steps)-1].Base).Abs() > clockStep:
		return false, w.keep(ctx, store.Step{Base: base, From: before})
	}
	return false, nil
}

// keep notes one more step; of too many, the newest count.
func (w *clockWatch) keep(ctx context.Context, s store.Step) error {
	b := w.boot
	b.Steps = append(b.Steps[:len(b.Steps):len(b.Steps)], s)
	if n := len(b.Steps) - store.MaxSteps; n > 0 {
		b.Steps = b.Steps[n:]
	}
	if err := w.store.Apply(ctx, store.KeepBoot(b)); err != nil {
		return err
	}
	w.boot = b
	return nil
}

// synchronised corrects what was told by the wrong clock. Where none was wrong there is nothing to tell.
func (w *clockWatch) synchronised(ctx context.Context, base time.Time, up time.Duration) (bool, error) {
	b := w.boot
	b.Right, b.Until = base, up
	if len(b.Steps) == 0 || len(b.Steps) == 1 && b.Offset().Abs() <= clockStep {
		return true, nil
	}
	if err := w.store.Apply(ctx, store.Synchronise(b)); err != nil {
		return false, err
	}
	w.boot = b
	w.log.Info("the clock is synchronised; starts of this boot's clips are corrected", "offset", b.Offset())
	w.changed()
	return true, nil
}
