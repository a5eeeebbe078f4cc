package watch

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// place watches the whole tree, what is watched already included: it mends what lost events left wrong. Nothing is told.
func (w *Watcher) place(ctx context.Context) error {
	w.folders.round++
	w.trouble = trouble{}
	if err := w.placeRoot(); err != nil {
		return err
	}
	if w.folders.root != none {
		if err := w.walk(ctx, w.folders.root, nil); err != nil {
			return err
		}
	}
	w.drop(w.folders.stale())
	w.lost = "" // the scan after Ready or the Reconcile that follows sees what was corrected here
	w.state()
	w.schedule()
	return nil
}

// placeRoot fails with ErrGone if there is no folder, or another one than before.
func (w *Watcher) placeRoot() error {
	wd, err := w.queue.watch(w.dir, rootMask)
	switch {
	case err != nil && exhausted(err):
		w.fail("", err)
		if k, _ := lookAt(unix.AT_FDCWD, w.dir+"/."); k != directory {
			return ErrGone
		}
	case err != nil:
		return fmt.Errorf("%w: %w", ErrGone, err)
	case w.folders.root != none && w.folders.root != wd:
		return fmt.Errorf("%w: another one is in its place", ErrGone)
	default:
		w.folders.root = wd
	}
	return nil
}

// found is called for each regular file that a walk meets.
type found func(path string) error

// walk watches all folders beneath wd, which is watched. A folder is watched before it is listed: what comes into it in
// between is met twice, the other way round it would be met by nobody.
func (w *Watcher) walk(ctx context.Context, wd int32, tell found) error {
	for todo := []int32{wd}; len(todo) > 0; {
		wd, todo = todo[len(todo)-1], todo[:len(todo)-1]
		dir, ok := w.folders.path(wd, "")
		if !ok {
			continue
		}
		err := w.lister.list(w.listed(dir), func(name string, k kind) error {
			switch {
			case Ignored(name):
			case k == regular && tell != nil:
				return tell(join(dir, name))
			case k == directory:
				child := w.placeFolder(wd, name)
				if child == none {
					return w.listUnwatched(join(dir, name), tell)
				}
				todo = append(todo, child)
			}
			return ctx.Err()
		})
		if err := w.survive(ctx, dir, err); err != nil {
			return err
		}
	}
	return nil
}

// placeFolder watches the folder called name in parent; none if that cannot be.
func (w *Watcher) placeFolder(parent int32, name string) int32 {
	path, ok := w.folders.path(parent, name)
	if !ok {
		return none
	}
	wd, err := w.queue.watch(w.full(path), folderMask)
	if err != nil {
		w.fail(path, err)
		return none
	}
	if old, ok := w.folders.by[wd]; ok && (old.parent != parent || old.name != name) {
		w.lose(tooFast)
	}
	if wd == w.folders.root || !w.folders.bind(wd, parent, name) {
		return none
	}
	return wd
}

// listUnwatched tells the files beneath a folder that cannot be watched: at least those that are there now.
func (w *Watcher) listUnwatched(dir string, tell found) error {
	if tell == nil {
		return nil
	}
	err := new(lister).list(w.full(dir), func(name string, k kind) error {
		switch {
		case Ignored(name):
		case k == regular:
			return tell(join(dir, name))
		case k == directory:
			return w.listUnwatched(join(dir, name), tell)
		}
		return nil
	})
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// drop ends the watches of folders.
func (w *Watcher) drop(folders []int32) {
	for _, wd := range folders {
		w.queue.forget(wd)
		delete(w.folders.by, wd)
	}
}

func (w *Watcher) full(path string) string { return join(w.dir, path) }

// listed is full for open(2) with O_NOFOLLOW: the tree's own folder may be behind a link, none beneath it may.
func (w *Watcher) listed(path string) string {
	if path == "" {
		return w.dir + "/."
	}
	return w.full(path)
}

func join(dir, name string) string {
	if dir == "" || name == "" {
		return dir + name
	}
	return dir + "/" + name
}
