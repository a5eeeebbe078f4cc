// Package root is the one recordings folder: whether it is there, whether it is the one the catalogue is about, and
// every way to touch a file beneath it. No other package builds a path from the root's and opens it.
//
// No descriptor of the root outlives a call, so its disk can be unmounted at any time. Instead each call opens the
// folder anew and goes on only if device, inode and marker are those of the last look: "does not exist" is never said,
// and nothing is removed, on the word of another disk.
package root

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Errors a caller may test for.
var (
	ErrAway       = errors.New("the recordings folder is not there")
	ErrNotRegular = errors.New("not a regular file beneath the recordings folder") // link, folder, FIFO, device, escape
)

// lookEvery bounds how long a change that moves no mount (a renamed folder, a lost marker) stays unseen.
const lookEvery = 10 * time.Second

// State is what is known about the root.
type State struct {
	Present  bool   // it is there and carries the expected marker
	Writable bool   // false: read-only mode, nothing is deleted
	Problem  string // for people, with what to do; "" if there is none
	Found    string // id of a marker that was found and is not the expected one; adopt accepts it ("" if missing)
}

// IDs reads and stores the expected marker id (the catalogue's).
type IDs interface {
	RootID() string
	SetRootID(ctx context.Context, id string) error
}

// Root is the recordings folder. Safe for concurrent use.
type Root struct {
	dir string
	ids IDs
	log *slog.Logger

	looking sync.Mutex           // one look at a time; never held by a reader of seen
	seen    atomic.Pointer[view] // what the last look found
	doubt   chan struct{}        // a call met another folder than the last look did

	mu      sync.Mutex
	changed chan struct{}
}

// view is one look's result.
type view struct {
	State
	identity
}

// New returns a Root at dir (absolute). Nothing is touched before Look or Run.
func New(dir string, ids IDs, log *slog.Logger) *Root {
	r := &Root{dir: dir, ids: ids, log: log, doubt: make(chan struct{}, 1), changed: make(chan struct{})}
	r.seen.Store(&view{})
	return r
}

// Dir is the folder's path, for messages.
func (r *Root) Dir() string { return r.dir }

// State returns what the last look found. It does not block.
func (r *Root) State() State { return r.seen.Load().State }

// Changed returns a channel that is closed when State changes next, or when another folder with the same State (a disk
// mounted again) takes the place of this one. Take the channel before reading State.
func (r *Root) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// Run looks again at each change of /proc/self/mountinfo (poll(2) POLLPRI) and every 10 s, until ctx is done. It
// returns nil then.
func (r *Root) Run(ctx context.Context) error {
	mounts := make(chan struct{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() { watchMounts(ctx, mounts) })
	defer wg.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		r.Look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-mounts:
		case <-r.doubt:
		case <-tick.C:
		}
	}
}

// tell makes v what is known, and says so once if it is news.
func (r *Root) tell(v view) {
	old := r.seen.Swap(&v)
	if *old == v {
		return
	}
	r.mu.Lock()
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	if v.Present { // a problem is logged by whoever keeps them
		r.log.Info("recordings folder is there", "dir", r.dir, "marker", v.id, "writable", v.Writable)
	}
}
