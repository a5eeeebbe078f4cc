package root

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// howToAdopt ends each problem that only a person can decide.
const howToAdopt = "to go on with what is there now, run `clipctl adopt` (POST /api/v1/root/adopt)"

// Look checks now whether the root is there and is the right one, and returns its state. Where the catalogue knows no
// marker, the folder's is taken, or one is made (and the folder with it, if it is missing).
func (r *Root) Look(ctx context.Context) State {
	r.looking.Lock()
	defer r.looking.Unlock()
	v := r.look(ctx)
	r.tell(v)
	return v.State
}

func (r *Root) look(ctx context.Context) view {
	known := r.ids.RootID()
	if known == "" {
		if err := os.MkdirAll(r.dir, 0o775); err != nil {
			return away("%s cannot be made: %v; make it, or set root to another folder", r.dir, err)
		}
	}
	fd, err := openRoot(r.dir)
	if err != nil {
		return away("%s", r.whyClosed(err))
	}
	defer unix.Close(fd)
	found, err := identify(fd)
	if err != nil {
		return away("%s cannot be read: %v; is its disk still connected?", r.dir, err)
	}
	if known == "" {
		return r.settle(ctx, fd, found)
	}
	if found.id != known {
		return r.stranger(found)
	}
	return r.accept(fd, found)
}

// settle is the first meeting of a catalogue without a marker and a folder. The marker is on disk before the catalogue
// knows it: the other way round, a crash between the two would leave a root that nobody accepts.
func (r *Root) settle(ctx context.Context, fd int, found identity) view {
	if found.id == "" {
		if canWrite(fd) != nil {
			return r.accept(fd, found)
		}
		id := newID()
		if err := writeMarker(fd, id); err != nil {
			return away("%s cannot be marked as the recordings folder: %v", r.dir, err)
		}
		found.id = id
	}
	if err := r.ids.SetRootID(ctx, found.id); err != nil {
		return away("the marker of %s cannot be noted in the catalogue: %v", r.dir, err)
	}
	return r.accept(fd, found)
}

// accept is the view of the right folder.
func (r *Root) accept(fd int, found identity) view {
	v := view{State{Present: true, Writable: true}, found}
	if err := canWrite(fd); err != nil {
		v.Writable = false
		v.Problem = r.whyReadOnly(err)
	}
	return v
}

// stranger is the view of a folder that is not the one the catalogue is about.
func (r *Root) stranger(found identity) view {
	v := view{State{Found: found.id}, found}
	if found.id == "" {
		v.Problem = fmt.Sprintf("%s has no %s file, so it is not the folder the catalogue is about, and it is left alone; mount the right disk, or, %s",
			r.dir, Marker, howToAdopt)
		return v
	}
	v.Problem = fmt.Sprintf("%s is another recordings folder (its %s says %s) than the one the catalogue is about, and it is left alone; mount the right disk, or, %s",
		r.dir, Marker, found.id, howToAdopt)
	return v
}

func (r *Root) whyClosed(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.dir + " is not there; mount its disk, or make the folder and run `clipctl adopt`"
	case errors.Is(err, unix.ENOTDIR):
		return r.dir + " is not a folder; remove what is there, or set root to a folder"
	case errors.Is(err, fs.ErrPermission):
		return r.dir + " may not be opened by the user clipd runs as; give that user read access"
	}
	return fmt.Sprintf("%s cannot be opened: %v; is its disk still connected?", r.dir, err)
}

func (r *Root) whyReadOnly(err error) string {
	if errors.Is(err, unix.EROFS) {
		return r.dir + " is on a read-only file system: clips are served, none is deleted; check the disk and remount it writable"
	}
	return fmt.Sprintf("%s may not be written by the user clipd runs as (%v): clips are served, none is deleted; give that user write access", r.dir, err)
}

// Adopt accepts the folder that is there now: it gets a marker if it has none, and the catalogue is about it from now
// on. ErrAway if there is none.
func (r *Root) Adopt(ctx context.Context) error {
	if err := r.adopt(ctx); err != nil {
		return fmt.Errorf("adopt %s: %w", r.dir, err)
	}
	r.Look(ctx)
	return nil
}

func (r *Root) adopt(ctx context.Context) error {
	r.looking.Lock()
	defer r.looking.Unlock()
	fd, err := openRoot(r.dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	defer unix.Close(fd)
	found, err := identify(fd)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	if found.id == "" {
		found.id = newID()
		if err := writeMarker(fd, found.id); err != nil {
			return err
		}
	}
	return r.ids.SetRootID(ctx, found.id)
}

func away(format string, args ...any) view {
	return view{State: State{Problem: fmt.Sprintf(format, args...)}}
}

// canWrite tells a read-only file system (EROFS) and missing permission (EACCES) apart, access(2).
func canWrite(fd int) error { return unix.Faccessat(fd, ".", unix.W_OK|unix.X_OK, 0) }
