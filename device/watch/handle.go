package watch

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// handleAll handles the events of one read, none if it timed out.
func (w *Watcher) handleAll(ctx context.Context, b []byte) error {
	w.batch++
	if len(b) > 0 {
		w.heard = time.Now()
	}
	for len(b) > 0 {
		var e raw
		e, b = next(b)
		if err := w.handle(ctx, e); err != nil {
			return err
		}
	}
	return w.giveUp(ctx)
}

func (w *Watcher) handle(ctx context.Context, e raw) error {
	switch {
	case e.is(unix.IN_Q_OVERFLOW):
		w.lose("the kernel's event queue overflowed (fs.inotify.max_queued_events)")
	case e.wd == w.folders.root && e.is(rootEnds):
		return fmt.Errorf("%w: %s", ErrGone, ending(e.mask))
	case e.is(unix.IN_IGNORED):
		delete(w.folders.by, e.wd)
	case e.is(unix.IN_UNMOUNT):
		w.lose("a file system beneath the folder was unmounted")
	case len(e.name) > 0 && w.folders.has(e.wd):
		return w.named(ctx, e)
	}
	return nil
}

func ending(mask uint32) string {
	switch {
	case mask&unix.IN_UNMOUNT != 0:
		return "its file system was unmounted"
	case mask&unix.IN_MOVE_SELF != 0:
		return "it was renamed"
	}
	return "it was deleted"
}

// named handles an event about something in a watched folder.
func (w *Watcher) named(ctx context.Context, e raw) error {
	path, ok := w.folders.path(e.wd, string(e.name))
	if !ok {
		w.lose("a folder is not where it was")
		return nil
	}
	if err := w.overtake(ctx, e); err != nil {
		return err
	}
	switch {
	case e.is(unix.IN_MOVED_FROM):
		w.leave(e, path)
		return nil
	case e.is(unix.IN_MOVED_TO):
		return w.arrive(ctx, e, path)
	case Ignored(string(e.name)):
		return nil
	case e.is(unix.IN_ISDIR):
		return w.folder(ctx, e, path)
	}
	return w.file(ctx, e, path)
}

func (w *Watcher) file(ctx context.Context, e raw, path string) error {
	if e.is(unix.IN_DELETE) {
		return w.tell(ctx, Event{Op: Gone, Path: path})
	}
	k, size := lookAt(unix.AT_FDCWD, w.full(path))
	switch {
	case k == other:
		return nil
	case e.is(unix.IN_CLOSE_WRITE):
		return w.tell(ctx, Event{Op: Closed, Path: path})
	case e.is(unix.IN_ATTRIB) && k == regular:
		return w.tell(ctx, Event{Op: Retimed, Path: path})
	case e.is(unix.IN_CREATE) && size > 0:
		// A name given by link(2) or linkat(2) is never closed. One being written has mostly no size yet, and is told again.
		return w.tell(ctx, Event{Op: Closed, Path: path})
	}
	return nil
}

func (w *Watcher) folder(ctx context.Context, e raw, path string) error {
	switch {
	case e.is(unix.IN_DELETE):
		return w.tell(ctx, Event{Op: FolderGone, Path: path}) // IN_IGNORED ends its watch
	case e.is(unix.IN_CREATE):
		return w.appear(ctx, e.wd, string(e.name), path)
	case e.is(unix.IN_ATTRIB):
		return w.unlock(ctx, e.wd, string(e.name))
	}
	return nil
}

// unlock watches a folder that could not be watched until its mode changed.
func (w *Watcher) unlock(ctx context.Context, parent int32, name string) error {
	before := len(w.folders.by)
	wd := w.placeFolder(parent, name)
	if wd == none || len(w.folders.by) == before {
		return nil
	}
	w.lose("a folder can be watched now that could not before") // also finds out whether that was the only problem
	return w.walk(ctx, wd, w.tellClosed(ctx))
}

// appear watches the folder at path and all beneath it, and tells the files in them. That is done even if it is watched
// already: it may have been met by an earlier walk, and its files have been told before an event about its name.
func (w *Watcher) appear(ctx context.Context, parent int32, name, path string) error {
	wd := w.placeFolder(parent, name)
	if wd == none {
		return w.listUnwatched(path, w.tellClosed(ctx))
	}
	return w.walk(ctx, wd, w.tellClosed(ctx))
}

func (w *Watcher) tellClosed(ctx context.Context) found {
	return func(path string) error { return w.tell(ctx, Event{Op: Closed, Path: path}) }
}
