package store

// The public face of the store, being written: signatures are fixed, bodies follow.

import (
	"context"
	"errors"
	"log/slog"
	"time"
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
	Dir    string // the state folder; made if it is missing
	Now    func() time.Time
	Synced func() bool // whether the wall clock is trusted
	BootID string
	Log    *slog.Logger
	// Verify opens and checks the catalogue file at path in a process of its own (bbolt's panics in other
	// goroutines cannot be recovered); nil checks in this one. It is called only after an unclean stop.
	Verify func(ctx context.Context, path string) error
}

// Opened tells what Open met.
type Opened struct {
	Created  bool   // there was no catalogue, or it was set aside: a scan must rebuild it
	SetAside string // the file name the old one was kept under, and
	Reason   string // why
	Unclean  bool   // the last run did not close it
}

// Store is the catalogue. All methods are safe for concurrent use.
type Store struct{}

// Open verifies and opens (or creates) the catalogue and starts its writer.
func Open(ctx context.Context, o Options) (*Store, Opened, error) { panic("store") }

// Wait blocks until ctx is done (nil) or the writer met an error after which what is on disk is unknown: the
// process must then exit and start over.
func (s *Store) Wait(ctx context.Context) error { panic("store") }

// Close commits what waits, marks the stop as clean and releases the file.
func (s *Store) Close() error { panic("store") }

// Op is one change; Apply runs it. Ops are made by the functions below.
type Op struct{}

// Apply commits ops in order, in one transaction with whatever else is waiting, and blocks until they are on disk.
// An op that fails does not undo its neighbours; its error is in the joined result.
// ErrFull: nothing of the failed ops was done. ErrClosed after Close.
func (s *Store) Apply(ctx context.Context, ops ...Op) error { panic("store") }

// See notes a file met by the first pass of a scan (only ID, Path, Camera, Size, Mtime, Start are read): from now on
// its id answers. If its path was known under another id, that clip is removed in the same transaction
// (and reported as such if it was listed).
func See(c Clip) Op { panic("store") }

// Probed keeps what probing c found, at StageProbed, for the hash pass to finish. No event.
func Probed(c Clip) Op { panic("store") }

// Add lists c and writes its clip_added. Another clip at the same path is removed first, with its own event, in the
// same transaction. Adding a clip that is listed already changes nothing. A pin kept in state/pins is applied.
func Add(c Clip, origin Origin) Op { panic("store") }

// Rename removes old and adds c (same content elsewhere, or a changed mtime) in one transaction; c takes over the
// pin. reason is told in clip_removed.
func Rename(old ID, c Clip, reason string) Op { panic("store") }

// Mark notes that id is about to be deleted, before its file is unlinked (invariant 4). The clip is no longer listed
// and no longer answers.
func Mark(id ID, reason string) Op { panic("store") }

// Forget ends a removal: the row goes and clip_removed is written, together. It needs no Mark where the file is gone
// already. ErrNotFound if id is not known.
func Forget(id ID, reason string) Op { panic("store") }

// Attach sets the sidecars and poster of a clip. No event.
func Attach(id ID, sidecars []string, poster string) Op { panic("store") }

// Pin keeps (or no longer keeps) a clip from retention: state/pins is on disk before the row and clip_pinned are.
// Pinning what is pinned writes no event.
func Pin(id ID, pinned bool) Op { panic("store") }

// SetCursor moves the named cursor. It may go back.
func SetCursor(name string, seq uint64) Op { panic("store") }

// Note appends an event that is about no clip row (storage_problem, storage_ok, push_done …).
func Note(e Event) Op { panic("store") }

// SetPartial remembers why the file at p.Path is not settled; ClearPartial forgets it (no error if unknown).
func SetPartial(p Partial) Op { panic("store") }

// ClearPartial forgets the partial at path.
func ClearPartial(path string) Op { panic("store") }

// SetRootID remembers the marker of the root this catalogue is about.
func SetRootID(id string) Op { panic("store") }

// Partial is a media file that is not settled.
type Partial struct {
	Path   string
	Size   int64
	Mtime  time.Time
	Reason string // for people: "no moov box: the recorder was killed", "still being written" …
	Since  time.Time
}

// Clip returns the clip with id at any stage, unless it is marked for removal. ErrNotFound.
func (s *Store) Clip(id ID) (Clip, Stage, error) { panic("store") }

// ClipAt returns the clip at path. ErrNotFound.
func (s *Store) ClipAt(path string) (Clip, Stage, error) { panic("store") }

// Pending calls fn for up to limit clips at stage, newest id first, that are older than before (the zero ID: from the newest).
// fn is called after the transaction has ended.
func (s *Store) Pending(stage Stage, before ID, limit int) ([]Clip, error) { panic("store") }

// PathsFrom returns up to limit catalogued files in byte order of their paths, after the path named (not including it).
// A scan merges it with its walk.
func (s *Store) PathsFrom(after string, limit int) ([]Known, error) { panic("store") }

// Known is what the catalogue has at a path, enough to see whether the file is still the same.
type Known struct {
	Path  string
	ID    ID
	Size  int64
	Mtime time.Time
	Stage Stage
}

// Order of a listing by start.
type Order byte

// Orders.
const (
	NewestFirst Order = iota
	OldestFirst
)

// Query selects listed clips. The zero Query is all of them, newest first.
type Query struct {
	Camera   string    // "" for all
	From, To time.Time // by start: From <= start < To; zero is open
	Pinned   *bool
	Pushed   *bool
	Complete *bool
	Order    Order
	Limit    int    // at most 1000; 0 is 100
	Cursor   string // Page.Next of the same query
}

// Page is one piece of a listing.
type Page struct {
	Clips []Clip
	Next  string // "" at the end
}

// List returns one page; it reads no more index rows than the page has clips (and one per camera). ErrBadCursor.
func (s *Store) List(q Query) (Page, error) { panic("store") }

// Camera is one clip source with its running totals.
type Camera struct {
	Name           string
	Clips          int
	Bytes          int64
	Oldest, Newest time.Time // starts
}

// Cameras returns every camera that has or had clips, by name.
func (s *Store) Cameras() ([]Camera, error) { panic("store") }

// Totals are kept with each commit, never counted.
type Totals struct {
	Clips          int   // listed
	Bytes          int64 // of listed clips
	Pending        int   // seen, not yet listed
	Oldest, Newest time.Time
	Partials       int
}

// Totals returns the running totals.
func (s *Store) Totals() (Totals, error) { panic("store") }

// Span is what one camera has in one step of a timeline.
type Span struct {
	Camera string
	From   time.Time
	Clips  int
	Bytes  int64
}

// Timeline sums clips by camera ("" for all) and step (whole hours) between from and to, from the hourly counts; steps
// with nothing are left out. At most 10,000 spans.
func (s *Store) Timeline(camera string, from, to time.Time, step time.Duration) ([]Span, error) {
	panic("store")
}

// Latest returns the listed clip with the newest start ("" for any camera). ErrNotFound.
func (s *Store) Latest(camera string) (Clip, error) { panic("store") }

// LatestPoster returns the newest listed clip that has a poster. ErrNotFound.
func (s *Store) LatestPoster() (Clip, error) { panic("store") }

// Partials returns the partial files by path, at most limit after the path named.
func (s *Store) Partials(after string, limit int) ([]Partial, error) { panic("store") }

// Partial returns the partial at path. ErrNotFound.
func (s *Store) Partial(path string) (Partial, error) { panic("store") }

// Marked returns the clips whose removal was begun and not ended.
func (s *Store) Marked() ([]Clip, error) { panic("store") }

// Events returns up to limit rows with a seq above after, in order. gap: rows between after and the first one returned
// are no longer (or, for a foreign seq, never were) in the journal.
func (s *Store) Events(after uint64, limit int) (events []Event, gap bool, err error) {
	panic("store")
}

// Journal returns the first and last seq in the journal; last is 0 in a new catalogue.
func (s *Store) Journal() (first, last uint64) { panic("store") }

// Next blocks until the journal has a row after seq (true) or ctx is done (false).
func (s *Store) Next(ctx context.Context, after uint64) bool { panic("store") }

// Changed returns a channel that is closed at the next commit.
func (s *Store) Changed() <-chan struct{} { panic("store") }

// Cursor returns the named cursor; ok is false if it was never set.
func (s *Store) Cursor(name string) (seq uint64, ok bool, err error) { panic("store") }

// Generation is the random id this catalogue got when it was created.
func (s *Store) Generation() string { panic("store") }

// RootID is the marker of the root this catalogue is about, "" if none was set.
func (s *Store) RootID() string { panic("store") }

// Trim gives the pages of the map that a long walk touched back to the kernel (madvise(2) MADV_DONTNEED).
func (s *Store) Trim() { panic("store") }
