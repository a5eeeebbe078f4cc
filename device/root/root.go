// Package root is the one recordings folder: whether it is there, whether it is the one the catalogue is about, and
// every way to touch a file beneath it. No other package builds a path from the root's and opens it.
package root

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
)

// Marker is the file that carries a root's id.
const Marker = ".clipd-root"

// Errors a caller may test for.
var (
	ErrAway       = errors.New("the recordings folder is not there")
	ErrNotRegular = errors.New("not a regular file beneath the recordings folder") // link, folder, FIFO, device, escape
)

// State is what is known about the root.
type State struct {
	Present  bool   // it is there and carries the expected marker
	Writable bool   // false: read-only mode, nothing is deleted
	Problem  string // for people, with what to do; "" if there is none
	Found    string // id of a marker that was found and is not the expected one; adopt accepts it ("" if missing)
}

// Root is the recordings folder. Safe for concurrent use.
type Root struct{}

// IDs reads and stores the expected marker id (the catalogue's).
type IDs interface {
	RootID() string
	SetRootID(ctx context.Context, id string) error
}

// New returns a Root at dir (absolute). Nothing is touched before Look or Run.
func New(dir string, ids IDs, log *slog.Logger) *Root { panic("root") }

// Dir is the folder's path, for messages.
func (r *Root) Dir() string { panic("root") }

// Look checks now whether the root is there and is the right one, opens or closes it, and returns its state. Where the catalogue
// knows no marker, one is made.
func (r *Root) Look(ctx context.Context) State { panic("root") }

// Run looks again at each change of /proc/self/mountinfo (poll(2) POLLPRI) and every 10 s, until ctx is done.
func (r *Root) Run(ctx context.Context) error { panic("root") }

// State returns what the last look found. It does not block.
func (r *Root) State() State { panic("root") }

// Changed returns a channel that is closed when State changes next.
func (r *Root) Changed() <-chan struct{} { panic("root") }

// Adopt accepts the disk that is there now: it gets a marker if it has none, and the catalogue is about it from now on.
func (r *Root) Adopt(ctx context.Context) error { panic("root") }

// Open opens the regular file at path beneath the root for reading (O_NOFOLLOW|O_NONBLOCK on every element).
// The caller closes it. fs.ErrNotExist, ErrNotRegular, ErrAway.
func (r *Root) Open(path string) (*os.File, fs.FileInfo, error) { panic("root") }

// Stat is Open without a file.
func (r *Root) Stat(path string) (fs.FileInfo, error) { panic("root") }

// ReadDir returns the entries of the folder at path ("" is the root itself), sorted so that a walk that descends in this order
// meets files in byte order of their whole paths: a folder sorts as its name with a slash behind it.
func (r *Root) ReadDir(path string) ([]fs.DirEntry, error) { panic("root") }

// Remove unlinks the file at path and fsyncs its folder. fs.ErrNotExist is the caller's to accept. Refused (ErrAway) unless
// the state is Present and Writable.
func (r *Root) Remove(path string) error { panic("root") }

// Free returns bytes available to us and the size of the root's file system.
func (r *Root) Free() (free, total int64, err error) { panic("root") }
