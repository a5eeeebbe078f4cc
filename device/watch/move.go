package watch

import (
	"context"
	"slices"

	"golang.org/x/sys/unix"
)

// from is an IN_MOVED_FROM that waits for its IN_MOVED_TO. The two have a cookie in common, but are not queued as one,
// inotify(7) "Dealing with rename() events".
type from struct {
	wd     int32
	cookie uint32
	batch  uint32
	folder bool
	name   string
	path   string
}

func (w *Watcher) leave(e raw, path string) {
	w.froms = append(w.froms, from{e.wd, e.cookie, w.batch, e.is(unix.IN_ISDIR), string(e.name), path})
}

// arrive handles IN_MOVED_TO.
func (w *Watcher) arrive(ctx context.Context, e raw, path string) error {
	var f from // if it came from outside
	if i := slices.IndexFunc(w.froms, func(f from) bool { return f.cookie == e.cookie }); i >= 0 {
		f = w.froms[i]
		w.froms = slices.Delete(w.froms, i, i+1)
	}
	known, wanted := f.path != "" && !Ignored(f.name), !Ignored(string(e.name))
	switch {
	case known && !wanted:
		return w.left(ctx, f)
	case !wanted:
		return nil
	case e.is(unix.IN_ISDIR):
		return w.folderArrived(ctx, e, f, known, path)
	}
	if k, _ := lookAt(unix.AT_FDCWD, w.full(path)); k == other {
		return nil
	}
	if known {
		return w.tell(ctx, Event{Op: Moved, Path: path, From: f.path})
	}
	return w.tell(ctx, Event{Op: Closed, Path: path})
}

// folderArrived handles a folder that is now at path. The events may be older than the folders: what f's name stood for when
// it was watched can be what came there next. So the watch is renamed by the event first, which is right for the queue's later
// events, and then by the disk, which has the last word: whatever is under either name now is watched under that name. Where the
// two differ, something may have been told under a wrong name, and counts as lost. The files are told since the ones told under
// the old name may not have been found there any more.
func (w *Watcher) folderArrived(ctx context.Context, e raw, f from, known bool, path string) error {
	if !known {
		return w.appear(ctx, e.wd, string(e.name), path)
	}
	moved := w.folders.at(f.wd, f.name)
	for _, wd := range moved {
		w.folders.bind(wd, e.wd, string(e.name))
	}
	w.placeFolder(f.wd, f.name)
	if now := w.placeFolder(e.wd, string(e.name)); len(moved) > 1 || len(moved) == 1 && now != none && now != moved[0] {
		w.lose(tooFast)
	}
	if err := w.tell(ctx, Event{Op: FolderMoved, Path: path, From: f.path}); err != nil {
		return err
	}
	return w.appear(ctx, e.wd, string(e.name), path)
}

// left tells that what f names is not in the tree any more.
func (w *Watcher) left(ctx context.Context, f from) error {
	if Ignored(f.name) {
		return nil
	}
	if !f.folder {
		return w.tell(ctx, Event{Op: Gone, Path: f.path})
	}
	moved := w.folders.at(f.wd, f.name)
	if len(moved) != 1 {
		w.lose(tooFast)
	}
	for _, wd := range moved {
		w.drop(w.folders.beneath(wd))
	}
	return w.tell(ctx, Event{Op: FolderGone, Path: f.path})
}

// overtake keeps the order of events about one name: nothing is told of e's before what waits there has left.
func (w *Watcher) overtake(ctx context.Context, e raw) error {
	return w.release(ctx, func(f from) bool { return f.wd == e.wd && f.name == string(e.name) })
}

// giveUp stops waiting for what came before this batch: its other half would have been here.
func (w *Watcher) giveUp(ctx context.Context) error {
	return w.release(ctx, func(f from) bool { return f.batch != w.batch })
}

// release tells those that will wait no longer, oldest first.
func (w *Watcher) release(ctx context.Context, which func(from) bool) error {
	for i := 0; i < len(w.froms); {
		f := w.froms[i]
		if !which(f) {
			i++
			continue
		}
		w.froms = slices.Delete(w.froms, i, i+1)
		if err := w.left(ctx, f); err != nil {
			return err
		}
	}
	return nil
}
