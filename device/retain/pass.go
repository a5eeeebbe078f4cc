package retain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clipd/device/root"
)

// How long Run rests.
const (
	restMost  = 30 * time.Second       // also where nothing is near its limit
	restOff   = 5 * time.Second        // while something stands against deleting
	restLeast = 50 * time.Millisecond  // while the free space falls towards its floor
	restStuck = time.Second            // while a rule is broken and nothing may go
	pace      = 200 * time.Millisecond // between batches, where nothing is pressing
)

// fallLeast is how many bytes in a second recorders may take at any time though they take fewer now.
const fallLeast = 16 << 20

// Run deletes what must go until ctx is done (nil). An error is the catalogue's, after which the box must start over.
func (r *Retainer) Run(ctx context.Context) error {
	priority := newPriority()
	for ctx.Err() == nil {
		rest, err := r.turn(ctx, priority)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("retention: %w", err)
		}
		r.rest(ctx, rest)
	}
	return nil
}

func (r *Retainer) rest(ctx context.Context, d time.Duration) {
	changed := r.Root.Changed()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-changed:
	case <-r.poke:
	}
}

// turn deletes one batch, if one must go, and returns how long to rest after it.
func (r *Retainer) turn(ctx context.Context, p *priority) (time.Duration, error) {
	b, err := r.choose()
	if errors.Is(err, root.ErrAway) {
		return restOff, nil
	}
	if err != nil {
		return 0, err
	}
	if len(b.doomed) == 0 {
		if r.expirePartial(ctx) {
			return pace, nil
		}
		return b.rest, nil
	}
	p.set(b.pressing)
	r.note(b, r.delete(ctx, b.doomed))
	return b.rest, nil
}

// batch is what goes next.
type batch struct {
	doomed   []Doomed
	broken   *broken // nil: it goes by its age
	pressing bool    // the file system is below its floor
	rest     time.Duration
}

// choose brings what is known up to date and picks the next batch.
func (r *Retainer) choose() (b batch, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := &r.keep
	k.now = k.time.read()
	if k.off = r.whyOff(); k.off != "" {
		k.aging = nil
		return batch{rest: restOff}, nil
	}
	if err := k.tally.follow(); err != nil {
		return b, err
	}
	if err := r.lookAtPartials(); err != nil {
		return b, err
	}
	if err := r.measure(); err != nil {
		return b, err
	}
	if k.holders, err = r.look(k.now); err != nil {
		return b, err
	}
	if err := r.beginAging(); err != nil {
		return b, err
	}
	b, err = r.pick()
	b.rest = r.restAfter(&b)
	return b, err
}

// pick returns what is due, else what a rule about space must have gone.
func (r *Retainer) pick() (b batch, err error) {
	s := &r.keep.space
	b.pressing = s.floor > 0 && s.free < s.floor+s.near
	if b.doomed, err = r.aged(); err != nil || len(b.doomed) > 0 {
		return b, err
	}
	all := r.rulesOfSpace()
	for i := range all {
		if b.doomed, err = r.crowded(&all[i]); err != nil || len(b.doomed) > 0 {
			b.broken = &all[i]
			return b, err
		}
	}
	r.sayCrowded(all)
	return b, nil
}

// whyOff is what stands against deleting anything, "" if nothing does.
func (r *Retainer) whyOff() string {
	if !r.Rules.set() {
		return "nothing is set in [keep], so nothing is deleted"
	}
	if err := r.Store.PinsErr(); err != nil {
		return "the pins cannot be read, so nothing is deleted: " + err.Error()
	}
	switch s := r.Root.State(); {
	case s.Problem != "":
		return s.Problem
	case !s.Present:
		return "the recordings folder is not there"
	case !s.Writable:
		return "the recordings folder cannot be written"
	}
	return r.Off()
}

// restAfter is how long nothing has to be done after b. Near the floor that is half of the time in which the recorders
// reach it.
func (r *Retainer) restAfter(b *batch) time.Duration {
	s := &r.keep.space
	switch {
	case len(b.doomed) > 0 && b.pressing:
		return 0
	case len(b.doomed) > 0:
		return pace
	case b.pressing && s.free < s.floor:
		return restStuck
	case s.floor == 0:
		return restMost
	}
	left := float64(s.free-s.floor-s.near) / max(s.fall, fallLeast) / 2
	return max(min(time.Duration(left*float64(time.Second)), restMost), restLeast)
}

// delete deletes a batch and returns how many clips of it are gone. What cannot be deleted is left alone for a while.
func (r *Retainer) delete(ctx context.Context, doomed []Doomed) (gone int) {
	gone, err := r.Expire(ctx, doomed)
	if err == nil || ctx.Err() != nil {
		return gone
	}
	if r.Root.Look(ctx); errors.Is(err, root.ErrAway) {
		return gone
	}
	failed := doomed
	if len(doomed) > 1 {
		var more int
		more, failed = r.oneByOne(ctx, doomed)
		gone += more
	}
	if len(failed) > 0 {
		r.leaveAlone(failed, err)
	}
	return gone
}

// fewFailures is how many clips of a batch may fail on their own before the rest is not tried.
const fewFailures = 3

// oneByOne deletes those of a batch that can be: one that cannot must not have newer ones deleted in place of its neighbours.
func (r *Retainer) oneByOne(ctx context.Context, doomed []Doomed) (gone int, failed []Doomed) {
	for i := range doomed {
		if len(failed) == fewFailures {
			return gone, append(failed, doomed[i:]...)
		}
		n, err := r.Expire(ctx, doomed[i:i+1])
		gone += n
		if err != nil {
			failed = append(failed, doomed[i])
		}
	}
	return gone, failed
}

// leaveAlone keeps clips that could not be deleted from being chosen for a while, and says so.
func (r *Retainer) leaveAlone(failed []Doomed, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.keep.stuck) > maxStuck {
		clear(r.keep.stuck)
	}
	for i := range failed {
		r.keep.stuck[failed[i].ID] = time.Now().Add(stuckFor)
	}
	r.Log.Error("clips could not be deleted; they are tried again later", "clips", len(failed), "again_in", stuckFor, "error", err)
	r.Problem(keyStuck, fmt.Sprintf("clips that must go cannot be deleted: %v; give clipd write access to their folders, or check the disk", err))
}

const keyStuck = "retention-stuck"

// note keeps what was deleted.
func (r *Retainer) note(b batch, gone int) {
	if gone == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := &r.keep
	if len(k.stuck) == 0 {
		r.Problem(keyStuck, "")
	}
	var bytes int64
	for i := range b.doomed[:min(gone, len(b.doomed))] {
		bytes += b.doomed[i].Size
	}
	k.space.freed += bytes
	if b.broken != nil {
		r.spend(b.broken, bytes)
	}
	if now := k.now.now; now.Sub(k.last.Time) > restMost {
		k.last = Last{}
	}
	k.last.Time = k.now.now
	k.last.Clips += gone
	k.last.Bytes += bytes
	r.noteResort(b)
}
