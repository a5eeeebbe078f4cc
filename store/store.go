package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Errors a caller may test for.
var (
	ErrNotFound  = errors.New("not in the catalogue")
	ErrBadCursor = errors.New("malformed cursor")
	ErrLocked    = errors.New("the catalogue is in use by another process")
	ErrFull      = errors.New("no space for the catalogue")
	ErrClosed    = errors.New("the catalogue is closed")
)

// Options says where the catalogue is and what it needs from outside.
type Options struct {
	Dir    string           // the state folder; made if it is missing
	Now    func() time.Time // nil: time.Now
	Synced func() bool      // whether the wall clock is trusted; nil: never
	BootID string
	Log    *slog.Logger // nil: silent
	// Verify opens and checks the catalogue file at path in a process of its own (bbolt's panics in other
	// goroutines cannot be recovered); nil checks in this one. It is called only after an unclean stop. Only an error
	// that is ErrDamaged gets the file set aside. VerifyInChild is made for it.
	Verify func(ctx context.Context, path string) error

	Suspect bool // verify even after a clean stop

	maxSize int          // of the catalogue file in bytes; 0 is what the machine can map
	journal journalLimit // zero: that of the constants
}

// Opened tells what Open met.
type Opened struct {
	Created  bool   // there was no catalogue, or it was set aside: a scan must rebuild it
	SetAside string // the file name the old one was kept under, and
	Reason   string // why
	Unclean  bool   // the last run did not close it
	Anew     bool   // it was closed in another boot: the power may have gone since
}

// Store is the catalogue. All methods are safe for concurrent use.
type Store struct {
	options
	db      *bolt.DB
	lock    *os.File // the flock on state/lock
	pins    *pins
	ballast ballast
	jump    uint64 // what the next seq leaves out; only the writer's
	boot    *Boot  // what the clock of this boot shows, nil where nothing is known of it; only the writer's

	generation string
	readOnly   bool
	durable    durable
	damaged    atomic.Int64
	first      atomic.Uint64 // seq of the journal's first row
	last       atomic.Uint64 // seq of its last row

	busy     busy
	requests chan *request
	stop     chan struct{} // closed by Close
	stopped  chan struct{} // closed when the writer has ended
	failed   chan struct{} // closed by fail

	mu      sync.Mutex
	root    string
	changed chan struct{} // nil while nobody waits
	failure error
	closed  bool
}

// options are Options with every gap filled.
type options = Options

// Wait blocks until ctx is done (nil) or the writer met an error after which what is on disk is unknown, or damage that
// it cannot leave out: the process must then exit and start over, which verifies the catalogue. Close ends it too (nil).
func (s *Store) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.stop:
		return nil
	case <-s.failed:
		return s.whyFailed()
	}
}

// Close commits what waits, marks the stop as clean (unless Wait has an error) and releases the file. It blocks until
// reads have ended. Closing twice does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	close(s.stop)
	if s.readOnly {
		return errors.Join(s.closeFile(), s.unlock())
	}
	<-s.stopped
	s.notify()
	err := s.closeFile()
	// While a seq is to be left out and none was given, the next start must leave it out.
	if err == nil && s.whyFailed() == nil {
		err = markStopped(s.Dir, s.BootID, s.jump != 0)
	}
	return errors.Join(err, s.lock.Close())
}

func (s *Store) closeFile() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", s.db.Path(), err)
	}
	return nil
}

// view runs fn in a read transaction. Nothing of tx may be used after it, and fn blocks on nothing. Pages that are not
// what they should be make bbolt panic, pages beyond the file's end fault: both are damage, and end the process' work.
func (s *Store) view(fn func(tx *bolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: reading it: %v", ErrDamaged, p)
		}
		if errors.Is(err, ErrDamaged) {
			s.fail(err)
		}
	}()
	err = s.db.View(func(tx *bolt.Tx) error {
		if err := s.await(tx.ID()); err != nil {
			return err
		}
		return fn(tx)
	})
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// fail makes Wait return err, once.
func (s *Store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
		close(s.failed)
	}
}

func (s *Store) whyFailed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// dropped counts a record that a read had to leave out.
func (s *Store) dropped(err error) {
	if s.damaged.Add(1) == 1 {
		s.Log.Error("a record of the catalogue is damaged and left out; a rescan finds its file again", "error", err)
	}
}

// Damaged returns how many times a read left out a damaged record since Open. When it grows, a rescan is due: the
// writer that meets the damage then makes Wait return, and the next start rebuilds the catalogue.
func (s *Store) Damaged() int { return int(s.damaged.Load()) }

// Generation is the random id this catalogue got when it was created.
func (s *Store) Generation() string { return s.generation }

// RootID is the marker of the root this catalogue is about, "" if none was set. It does not block.
func (s *Store) RootID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.root
}

// SetRootID is Apply of KeepRootID.
func (s *Store) SetRootID(ctx context.Context, id string) error { return s.Apply(ctx, KeepRootID(id)) }

// PinsErr is why state/pins cannot be read, nil if it can. Nothing may be deleted while it is not nil.
func (s *Store) PinsErr() error { return s.pins.unreadable }

// Size returns the bytes that the catalogue file has, 0 when it cannot be told.
func (s *Store) Size() int64 {
	info, err := os.Stat(filepath.Join(s.Dir, fileName))
	if err != nil {
		return 0
	}
	return info.Size()
}

// Changed returns a channel that is closed at the next commit, and at Close.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

func (s *Store) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
