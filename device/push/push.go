// Package push sends clips to targets: a durable queue in the catalogue, a feeder that fills it from the journal, and
// one worker that empties it. It may read the catalogue, change its pushes and its own cursors in it, open recordings
// through device/root, and open connections to targets. It deletes nothing and decides nobody's request: who may ask for
// a push is the business of those who call Push and PushURL.
//
// A clip is on its way to one target at a time, the one that has been due longest first. An attempt that the target
// answered badly, or that broke off, counts: the clip's next one is 1, 2, 4 s and on to 10 min away, and after MaxTries it
// is given up, with push_failed, and kept to be seen. A target that could not be reached at all, or says that it is busy
// (429, 502, 503, 504), rests as a whole for as long, and no clip's attempt is counted: a NAS that is off for the night
// costs nobody anything. Where clip after clip is answered badly, the target rests for up to a minute between them.
//
// Delivery is at least once: a crash between a target's answer and the commit pushes the clip again, to the same name.
package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"clipd/device/clock"
	"clipd/device/lane"
	"clipd/device/root"
	"clipd/store"

	"golang.org/x/time/rate"
)

// Errors of Push and PushURL, beside store.ErrNotFound.
var (
	ErrUnknownTarget = errors.New("there is no such target")
	ErrNotAllowed    = errors.New("push.allow does not list it")
	ErrBadURL        = errors.New("not a URL that a clip can be pushed to")
)

// Config is what a Pusher needs.
type Config struct {
	Store    *store.Store
	State    string // the state folder, for whether pushes are on
	Root     *root.Root
	Clock    clock.Clock
	Log      *slog.Logger
	Box      string // box id
	Name     string // box name
	Location *time.Location
	Targets  map[string]Target
	Allow    []string   // what a free URL must match: scheme, host, port, and the path's beginning if it has one
	Lane     *lane.Lane // of heavy disk work, passed before each attempt and each piece of a clip; nil: always free
	Rate     int64      // bytes per second of all pushes; 0 is unlimited
	MaxTries int        // after which a clip is given up; 0 is 12

	// Problem is told that a target cannot be reached, and "" when it can; nil for nobody.
	Problem func(target, text string)
}

// Progress is a clip on its way.
type Progress struct {
	Target   string
	ID       store.ID
	Sent, Of int64 // bytes; sent ones are acknowledged by the target's kernel
}

// Pusher is the queue's worker. Its methods are safe for concurrent use.
type Pusher struct {
	Config
	timing  timing
	targets map[string]*destination
	allow   []allowed
	limit   *rate.Limiter // nil: unlimited
	wake    chan struct{} // something changed that no commit tells
	lanes   lanes
	current atomic.Pointer[attempt]

	mu  sync.Mutex
	on  bool
	off context.CancelCauseFunc // ends the attempt that is under way
}

// New checks the targets and the allow list, and reads whether pushes are on. Nothing is sent before Run.
func New(c Config) (*Pusher, error) {
	p := &Pusher{Config: c, timing: usual, wake: make(chan struct{}, 1), targets: map[string]*destination{}}
	p.MaxTries = cmp.Or(c.MaxTries, defaultTries)
	p.lanes.rests = map[string]*rest{}
	for name, t := range c.Targets {
		d, err := newDestination(t)
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", name, err)
		}
		p.targets[name] = d
	}
	for _, entry := range c.Allow {
		a, err := parseAllowed(entry)
		if err != nil {
			return nil, err
		}
		p.allow = append(p.allow, a)
	}
	if c.Rate > 0 {
		p.limit = newLimit(c.Rate)
	}
	var err error
	p.on, err = store.PushesOn(c.State)
	return p, err
}

// Run feeds and empties the queue until ctx is done, and returns nil then. Any other return is a failure of the catalogue.
func (p *Pusher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 2)
	go func() { failed <- p.feed(ctx) }()
	go func() { failed <- p.work(ctx) }()
	err := <-failed
	cancel()
	return errors.Join(err, <-failed)
}

// Push queues clip id for the target named, and commits also in the same transaction. It returns when that is on disk.
// ErrUnknownTarget, store.ErrNotFound.
func (p *Pusher) Push(ctx context.Context, id store.ID, target string, also ...store.Op) error {
	if p.targets[target] == nil {
		return fmt.Errorf("%w: %.80q", ErrUnknownTarget, target)
	}
	return p.ask(ctx, store.Push{ID: id, Target: target}, also)
}

// PushURL queues clip id for a free URL, and commits also in the same transaction. It returns when that is on disk.
// ErrBadURL, ErrNotAllowed, store.ErrNotFound.
func (p *Pusher) PushURL(ctx context.Context, id store.ID, url string, also ...store.Op) error {
	u, _, err := p.allowed(url)
	if err != nil {
		return err
	}
	return p.ask(ctx, store.Push{ID: id, Target: freeTarget(u), URL: url}, also)
}

// ask queues a push that somebody is waiting for: its target's rest ends.
func (p *Pusher) ask(ctx context.Context, q store.Push, also []store.Op) error {
	q.Next = p.Clock.Now()
	if err := p.Store.Apply(ctx, append(also, store.Enqueue(q))...); err != nil {
		return err
	}
	p.lanes.try(q.Lane())
	p.nudge()
	return nil
}

func (p *Pusher) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Enabled reports whether pushes are on.
func (p *Pusher) Enabled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.on
}

// SetEnabled turns pushes on or off, across restarts too. Off ends the attempt that is under way and does not count it;
// the queue goes on filling.
func (p *Pusher) SetEnabled(on bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := store.KeepPushesOn(p.State, on); err != nil {
		return err
	}
	p.on = on
	if !on && p.off != nil {
		p.off(errOff)
	}
	p.nudge()
	return nil
}

// Status returns what is under way: nothing, or one push.
func (p *Pusher) Status() []Progress {
	a := p.current.Load()
	if a == nil {
		return nil
	}
	return []Progress{{Target: a.push.Target, ID: a.clip.ID, Sent: min(a.progress(), a.clip.Size), Of: a.clip.Size}}
}
