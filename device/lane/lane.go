// Package lane lets one disk-heavy job work at a time, and only while the disk has room for it: a board with one card has
// recorders to serve first, which cannot wait. Scans, hashing, posters, pushes and whatever else reads recordings in bulk
// share one Lane; live clips, downloads and the catalogue never enter it. It reads /proc and touches nothing else.
package lane

import (
	"context"
	"sync"
	"time"
)

const (
	// slice is how long a job keeps the lane while others wait for it.
	slice = time.Second
	// lookEvery is how often a job that works looks at the pressure.
	lookEvery = 250 * time.Millisecond
	// much is the share of time in which somebody was stalled for the disk from which on a job rests.
	much = 0.2
	// A job rests for restLeast, twice as long each time, as long as others are stalled without it, but it rests no longer
	// than restMost between two turns: pressure that never ends must not stop a scan for ever.
	restLeast = 100 * time.Millisecond
	restMost  = 3 * time.Second
	// behindEvery is how often it is looked whether recorders still fall behind.
	behindEvery = time.Second
)

// Config says how a Lane knows what the disk does; System is that of the machine.
type Config struct {
	// Stalled is for how long, in all since an earlier moment, somebody has waited for the disk. nil: nobody ever has.
	Stalled func() time.Duration
	// Behind reports whether programs that write are being held up by the kernel. nil: they never are.
	Behind func() bool
}

// Lane is the turn of heavy disk work. A nil Lane is always free. Safe for concurrent use.
type Lane struct {
	Config
	turn chan struct{} // holds one: nobody has the lane

	mu      sync.Mutex
	waiting int
}

// New returns a Lane that is free.
func New(c Config) *Lane {
	if c.Stalled == nil {
		c.Stalled = func() time.Duration { return 0 }
	}
	if c.Behind == nil {
		c.Behind = func() bool { return false }
	}
	l := &Lane{Config: c, turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

// Turn is a job's time in the lane. Only one goroutine may use it.
type Turn struct {
	lane    *Lane // nil once it has been left
	since   time.Time
	looked  time.Time
	stalled time.Duration // as it was then
}

// Enter blocks until nobody else has the lane and no recorder falls behind. Its error is ctx's; then there is no Turn, and
// leaving it does nothing. The caller calls Leave.
func (l *Lane) Enter(ctx context.Context) (*Turn, error) {
	if l == nil {
		return nil, ctx.Err()
	}
	t := &Turn{lane: l}
	if err := t.enter(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Turn) enter(ctx context.Context) error {
	l := t.lane
	l.wait(1)
	defer l.wait(-1)
	select {
	case <-l.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	t.since = time.Now()
	t.looked, t.stalled = t.since, l.Stalled()
	if err := t.untilTheyKeepUp(ctx); err != nil {
		l.turn <- struct{}{}
		return err
	}
	return nil
}

func (l *Lane) wait(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting += n
}

func (l *Lane) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting > 0
}

// Pass is Enter and Leave: for work in pieces that must not keep the lane, as those whose pace a network sets.
func (l *Lane) Pass(ctx context.Context) error {
	t, err := l.Enter(ctx)
	if err == nil {
		t.Leave()
	}
	return err
}

// Leave gives the lane to the next. It does not block; leaving twice does nothing.
func (t *Turn) Leave() {
	if t != nil && t.lane != nil {
		t.lane.turn <- struct{}{}
		t.lane = nil
	}
}

// Yield is called between pieces of work, each of which takes a fraction of a second at most. It blocks while the disk is
// under pressure of others or a recorder falls behind, and gives the lane up for a while when others wait for it. After an
// error, which is ctx's, the caller still calls Leave.
func (t *Turn) Yield(ctx context.Context) error {
	if t == nil || t.lane == nil || ctx.Err() != nil || time.Since(t.looked) < lookEvery {
		return ctx.Err()
	}
	err := t.rest(ctx)
	if err == nil {
		err = t.untilTheyKeepUp(ctx)
	}
	if err == nil && time.Since(t.since) > slice && t.lane.wanted() {
		return t.next(ctx)
	}
	t.looked, t.stalled = time.Now(), t.lane.Stalled()
	return err
}

// next lets the others have their turns. After an error the lane is left.
func (t *Turn) next(ctx context.Context) error {
	l := t.lane
	t.Leave()
	t.lane = l
	err := t.enter(ctx)
	if err != nil {
		t.lane = nil
	}
	return err
}

// rest rests while others are stalled. What is measured while this job does nothing is the others' alone: a job that reads
// a slow card is stalled itself most of the time.
func (t *Turn) rest(ctx context.Context) error {
	share := t.share()
	for d, all := restLeast, time.Duration(0); share > much && all < restMost; d *= 2 {
		if err := sleep(ctx, d); err != nil {
			return err
		}
		all += d
		share = t.share()
	}
	return nil
}

// share is the part of the time since the last look in which somebody was stalled.
func (t *Turn) share() float64 {
	now, stalled := time.Now(), t.lane.Stalled()
	share := float64(stalled-t.stalled) / float64(max(now.Sub(t.looked), 1))
	t.looked, t.stalled = now, stalled
	return share
}

// untilTheyKeepUp blocks while recorders fall behind.
func (t *Turn) untilTheyKeepUp(ctx context.Context) error {
	for t.lane.Behind() {
		if err := sleep(ctx, behindEvery); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
