// Package watch tells which files beneath a folder have been closed, moved in, moved, moved away or re-timed. It speaks
// inotify(7) and nothing else: it lists folders and looks at types, but opens no file, and knows no catalogue and no clip.
//
// What it tells are hints in the kernel's order. A file may be told twice, never zero times; by the time an event is
// read the file may have moved on, and then a later event says so. Where something may have been lost (the queue overflowed,
// folders were renamed faster than they could be followed, some cannot be watched), and every six hours, a Reconcile asks the
// reader to compare the whole tree.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// ErrGone is Run's error when the watched folder itself was deleted, renamed, unmounted or replaced.
var ErrGone = errors.New("the watched folder is gone")

// Op is what happened.
type Op byte

// Ops. A name that Ignored says yes to does not exist for any of them: renaming x.tmp to x.mp4 is Closed.
const (
	Closed      Op = iota + 1 // Path was closed after writing, linked or moved in, or found in a folder that appeared
	Moved                     // From is now Path; the reader may know neither
	Gone                      // Path was deleted, moved out of the tree or renamed to an ignored name
	Retimed                   // Path has other attributes: times, mode, owner or link count
	FolderMoved               // the folder From is now Path; Closed follows for each file in it
	FolderGone                // the folder Path was deleted or moved out, and all that was in it
	Reconcile                 // something may have been missed: compare everything; Reason says why
)

// String is the word used in logs and test scripts.
func (o Op) String() string {
	names := [...]string{"none", "closed", "moved", "gone", "retimed", "folder-moved", "folder-gone", "reconcile"}
	if int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("op-%d", byte(o))
}

// Event is one thing that happened. Paths are relative to the watched folder, slash separated, in raw bytes.
type Event struct {
	Op     Op
	Path   string
	From   string // of Moved and FolderMoved
	Reason string // of Reconcile
}

const (
	eventsWaiting  = 256           // then the kernel's queue fills
	reconcileEvery = 6 * time.Hour // for what no event tells, such as a disk mounted beneath the tree
	pollEvery      = time.Minute   // while some folder cannot be watched
	pairWait       = 10 * time.Millisecond
	calm           = 100 * time.Millisecond // without an event after a loss
	calmWithin     = time.Second            // or whatever comes
)

// Watcher watches one tree, once: when Run has returned, make a new one. Events, Ready and Problem are safe for
// concurrent use.
type Watcher struct {
	dir     string
	log     *slog.Logger
	queue   *inotify
	events  chan Event
	ready   chan struct{}
	problem atomic.Pointer[string]

	every, poll time.Duration

	// The rest is Run's own.
	folders table
	lister  lister
	froms   []from
	batch   uint32
	lost    string    // why the next Reconcile is due
	lostAt  time.Time // monotonic, as are the two below
	heard   time.Time // the last event
	due     time.Time // when a Reconcile is due without a loss
	trouble trouble
}

// New returns a Watcher for the tree at dir (absolute). It takes an inotify instance, which Run gives back; if there is
// none left, that is a Problem and the Watcher polls. Nothing else is touched before Run.
func New(dir string, log *slog.Logger) (*Watcher, error) {
	q, err := openInotify()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	w := &Watcher{dir: dir, log: log, queue: q, every: reconcileEvery, poll: pollEvery}
	w.events, w.ready = make(chan Event, eventsWaiting), make(chan struct{})
	w.folders.init()
	return w, nil
}

// Events returns what happens, in order. It is closed when Run returns. A reader that is slow loses nothing but the
// single events: the kernel's queue overflows, and a Reconcile comes.
func (w *Watcher) Events() <-chan Event { return w.events }

// Ready returns a channel that is closed when the whole tree is watched: from then on no file is missed. Files that are
// there already are not told; a scan begun after Ready finds them.
func (w *Watcher) Ready() <-chan struct{} { return w.ready }

// Problem says what keeps part of the tree from being watched and what to do about it; "" if nothing does.
func (w *Watcher) Problem() string {
	if p := w.problem.Load(); p != nil {
		return *p
	}
	return ""
}

// Run watches until ctx is done, and then returns nil at once. When the folder itself goes away it tells Reconcile, which
// blocks until the reader has room, and returns ErrGone: start over with a new Watcher once the folder is back. Call it once.
func (w *Watcher) Run(ctx context.Context) error {
	defer close(w.events)
	defer w.queue.close()
	defer context.AfterFunc(ctx, w.queue.wake)()
	err := w.place(ctx)
	if err == nil {
		close(w.ready)
		err = w.follow(ctx)
	}
	if ctx.Err() != nil {
		return nil
	}
	if errors.Is(err, ErrGone) {
		_ = w.tell(ctx, Event{Op: Reconcile, Reason: err.Error()}) // fails only when ctx is done
	}
	return fmt.Errorf("watch %s: %w", w.dir, err)
}

// follow reads the queue until something ends it.
func (w *Watcher) follow(ctx context.Context) error {
	for {
		b, err := w.queue.read(ctx, w.until())
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if err := w.handleAll(ctx, b); err != nil {
			return err
		}
		if why := w.overdue(); why != "" {
			if err := w.reconcile(ctx, why); err != nil {
				return err
			}
		}
	}
}

// tell blocks until the reader has room or ctx is done.
func (w *Watcher) tell(ctx context.Context, e Event) error {
	select {
	case w.events <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
