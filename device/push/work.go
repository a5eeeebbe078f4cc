package push

import (
	"context"
	"errors"
	"time"

	"clipd/store"
)

// work pushes what is due, one clip at a time.
func (p *Pusher) work(ctx context.Context) error {
	for ctx.Err() == nil {
		changed, rootChanged := p.Store.Changed(), p.Root.Changed()
		var q store.Push
		var pause time.Duration
		if p.Enabled() && p.Root.State().Present {
			var err error
			if q, pause, err = p.next(); err != nil {
				return whenDone(ctx, err)
			}
		}
		if q.Target != "" {
			if err := p.push(ctx, q); err != nil {
				return whenDone(ctx, err)
			}
			continue
		}
		p.pause(ctx, pause, changed, rootChanged)
	}
	return nil
}

// whenDone turns the error of a catalogue that was closed, or a write given up, into nil at the end.
func whenDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// pause blocks until something changes or d is over; 0 is no end.
func (p *Pusher) pause(ctx context.Context, d time.Duration, changed, rootChanged <-chan struct{}) {
	var end <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		end = t.C
	}
	select {
	case <-ctx.Done():
	case <-end:
	case <-changed:
	case <-rootChanged:
	case <-p.wake:
	}
}

// next returns the push to do now, or how long nothing is due (0: until something changes).
func (p *Pusher) next() (store.Push, time.Duration, error) {
	resting, left := p.lanes.resting()
	now := p.Clock.Now()
	q, at, ok, err := p.Store.DuePush(now, resting...)
	if err != nil || ok {
		return q, 0, err
	}
	if at.IsZero() {
		return store.Push{}, left, nil
	}
	pause := at.Sub(now)
	if pause > 2*p.timing.most { // the clock was set back: nothing is ever put off for so long
		q, _, _, err = p.Store.DuePush(at, resting...)
		return q, 0, err
	}
	pause = max(pause, time.Millisecond)
	if left > 0 {
		pause = min(pause, left)
	}
	return store.Push{}, pause, nil
}

// push makes one attempt and keeps what came of it.
func (p *Pusher) push(ctx context.Context, q store.Push) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.mu.Lock()
	p.off = cancel
	on := p.on
	p.mu.Unlock()
	if !on {
		return nil
	}
	err := p.Lane.Pass(ctx)
	if err == nil {
		err = p.attempt(ctx, q)
	} else {
		err = errStopped
	}
	p.mu.Lock()
	p.off = nil
	p.mu.Unlock()
	return p.settle(ctx, q, err)
}

// settle keeps what an attempt came to. On a full disk it tries until there is room: what was delivered must not be
// forgotten while that can be helped.
func (p *Pusher) settle(ctx context.Context, q store.Push, result error) error {
	if errors.Is(result, errStopped) || errors.Is(result, errOff) {
		return nil
	}
	op := p.outcome(q, result)
	for {
		err := p.Store.Apply(context.WithoutCancel(ctx), op)
		switch {
		case errors.Is(err, store.ErrNotFound):
			p.Log.Info("the clip or its push was removed while it was being pushed", "clip", q.ID, "target", q.Target)
			return nil
		case !errors.Is(err, store.ErrFull):
			return err
		}
		select {
		case <-time.After(p.timing.unready):
		case <-ctx.Done():
			return nil
		}
	}
}

// outcome decides what follows from an attempt, and says it.
func (p *Pusher) outcome(q store.Push, result error) store.Op {
	now := p.Clock.Now()
	if result == nil {
		p.Log.Info("clip pushed", "clip", q.ID, "target", q.Target, "attempt", q.Attempts+1)
		p.reached(q)
		return store.PushDelivered(q.ID, q.Target)
	}
	f := asFailure(result)
	kind := f.kind
	if kind == away {
		p.unreached(q, f)
		if q.URL != "" {
			kind = counted // a free URL is signed for a time: it does not wait for ever
		}
	}
	switch {
	case kind == later:
		return store.PushWaits(q.ID, q.Target, now.Add(p.timing.unready), f.text)
	case kind == away:
		return store.PushWaits(q.ID, q.Target, now, f.text)
	case kind == final || q.Attempts+1 >= p.MaxTries:
		p.Log.Warn("clip given up: it could not be pushed", "clip", q.ID, "target", q.Target, "attempts", q.Attempts+1, "error", f.text)
		return store.PushDead(q.ID, q.Target, f.text)
	}
	if f.kind == counted {
		p.lanes.bad(q.Lane(), q.ID, &p.timing)
	}
	p.Log.Debug("an attempt to push failed", "clip", q.ID, "target", q.Target, "attempt", q.Attempts+1, "error", f.text)
	return store.PushTried(q.ID, q.Target, now.Add(p.timing.wait(q.Attempts+1)), f.text)
}

func (p *Pusher) unreached(q store.Push, f *failure) {
	rest, first := p.lanes.away(q.Lane(), &p.timing)
	if !first {
		return
	}
	p.Log.Warn("target cannot be reached: its clips wait", "target", q.Lane(), "error", f.text, "next", rest.Round(time.Second))
	if p.Problem != nil {
		p.Problem(q.Lane(), f.text)
	}
}

func (p *Pusher) reached(q store.Push) {
	if !p.lanes.good(q.Lane()) {
		return
	}
	p.Log.Info("target is reached again", "target", q.Lane())
	if p.Problem != nil {
		p.Problem(q.Lane(), "")
	}
}
