package push

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"clipd/store"
)

const (
	feedBatch = 256   // rows read, and pushes queued, at once
	feedLag   = 2_000 // rows that mean nothing to a target are read again after a restart, at most so many
)

// CursorName is the name of a target's cursor in the catalogue. Each has its own, so that one which is added later
// starts for itself.
func CursorName(target string) string { return "push/" + target }

// reader is a target that reads the journal.
type reader struct {
	name   string
	target *Target
	at     uint64 // how far it has read
	kept   uint64 // how far its cursor says
}

// feed queues what is added for the targets that want it.
func (p *Pusher) feed(ctx context.Context) error {
	readers := p.readers()
	if len(readers) == 0 {
		<-ctx.Done()
		return nil
	}
	for _, r := range readers {
		if err := p.patiently(ctx, func() error { return p.start(ctx, r) }); err != nil {
			return whenDone(ctx, err)
		}
	}
	for {
		last := ^uint64(0)
		for _, r := range readers {
			if err := p.patiently(ctx, func() error { return p.follow(ctx, r) }); err != nil {
				return whenDone(ctx, err)
			}
			last = min(last, r.at)
		}
		if !p.Store.Next(ctx, last) || ctx.Err() != nil {
			return nil
		}
	}
}

func (p *Pusher) readers() (readers []*reader) {
	for _, name := range slices.Sorted(maps.Keys(p.targets)) {
		if t := &p.targets[name].Target; t.When == WhenAdded {
			readers = append(readers, &reader{name: name, target: t})
		}
	}
	return readers
}

// patiently repeats fn while the disk is full.
func (p *Pusher) patiently(ctx context.Context, fn func() error) error {
	for {
		err := fn()
		if !errors.Is(err, store.ErrFull) {
			return err
		}
		select {
		case <-time.After(p.timing.unready):
		case <-ctx.Done():
			return nil
		}
	}
}

// start finds where r stands in the journal. A new one begins now, with the clips that are there if it wants the backlog.
func (p *Pusher) start(ctx context.Context, r *reader) error {
	seq, ok, err := p.Store.Cursor(CursorName(r.name))
	if err != nil {
		return err
	}
	if !ok {
		_, seq = p.Store.Journal()
		if r.target.Backlog {
			if err := p.queueAll(ctx, r, store.Query{}); err != nil {
				return err
			}
		}
		if err := p.Store.Apply(ctx, store.SetCursor(CursorName(r.name), seq)); err != nil {
			return err
		}
	}
	r.at, r.kept = seq, seq
	return nil
}

// queueAll queues every clip of q that r wants, oldest first.
func (p *Pusher) queueAll(ctx context.Context, r *reader, q store.Query) error {
	q.Order, q.Limit = store.OldestFirst, feedBatch
	for {
		page, err := p.Store.List(q)
		if err != nil {
			return fmt.Errorf("listing what target %s has not got: %w", r.name, err)
		}
		var ops []store.Op
		for i := range page.Clips {
			if c := &page.Clips[i]; r.target.covers(c) {
				ops = append(ops, p.enqueue(r, c))
			}
		}
		if err := p.apply(ctx, ops...); err != nil || page.Next == "" {
			return err
		}
		q.Cursor = page.Next
	}
}

func (p *Pusher) enqueue(r *reader, c *store.Clip) store.Op {
	return store.Enqueue(store.Push{ID: c.ID, Target: r.name, Next: p.Clock.Now()})
}

// apply is Store.Apply but for clips that have been removed since.
func (p *Pusher) apply(ctx context.Context, ops ...store.Op) error {
	if err := p.Store.Apply(ctx, ops...); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// follow queues what is in the journal after where r stands. Queueing and r's cursor are one transaction; rows that mean
// nothing to r move the cursor only now and then.
func (p *Pusher) follow(ctx context.Context, r *reader) error {
	for {
		events, gap, err := p.Store.Events(r.at, feedBatch)
		if err != nil {
			return err
		}
		if gap {
			if err := p.catchUp(ctx, r); err != nil {
				return err
			}
		}
		if len(events) == 0 {
			return nil
		}
		seq := events[len(events)-1].Seq
		ops := p.wanted(r, events)
		if len(ops) > 0 || gap || seq-r.kept >= feedLag {
			if err := p.apply(ctx, append(ops, store.SetCursor(CursorName(r.name), seq))...); err != nil {
				return err
			}
			r.kept = seq
		}
		r.at = seq
	}
}

func (p *Pusher) wanted(r *reader, events []store.Event) (ops []store.Op) {
	for i := range events {
		if e := &events[i]; r.target.wants(e) {
			ops = append(ops, p.enqueue(r, &e.Clip))
		}
	}
	return ops
}

// catchUp follows a gap: the journal no longer tells what was added in it. Clips that count as pushed are left out.
func (p *Pusher) catchUp(ctx context.Context, r *reader) error {
	if !r.target.Backlog {
		p.Log.Warn("clips were added that the journal no longer tells of: they are not pushed by themselves", "target", r.name)
		return nil
	}
	no := false
	return p.queueAll(ctx, r, store.Query{Pushed: &no})
}
