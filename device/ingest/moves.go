package ingest

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"clipd/device/root"
	"clipd/store"
)

// moved takes a file that was renamed beneath the root.
func (l *live) moved(from, to string) {
	l.sync(from, to)
	old, stage, err := l.Store.ClipAt(from)
	known := err == nil && stage == store.StageListed
	switch {
	case known && l.isMedia(to) && l.rename(old, to, "renamed"):
		return
	case l.isMedia(to):
		l.file(recheck{path: to, origin: store.Live})
	case isSidecar(to):
		l.attach(to)
	}
	l.gone(from)
}

// rename gives old's sums to the file that is at path now, if it is the same by size and mtime.
func (l *live) rename(old store.Clip, path, reason string) bool {
	info, err := l.Root.Stat(path)
	if err != nil || info.Size() != old.Size || !info.ModTime().Equal(old.Mtime) || l.Hash && !old.Hashed {
		return false
	}
	l.put(path, store.Rename(old.ID, l.again(old, path, info), reason))
	return true
}

// again is old as the clip that it is at another path, or with another mtime.
func (l *live) again(old store.Clip, path string, info fs.FileInfo) store.Clip {
	c := old
	c.Path, c.Camera, c.Mtime = path, l.camera(path), info.ModTime()
	c.ID = store.MakeID(path, c.Size, c.Mtime)
	if old.StartSource != fromContainer {
		c.Start, c.StartSource = told{path: path, mtime: c.Mtime, duration: c.Duration}.start(l.Location)
	}
	c.Sidecars = l.sidecarsOf(path)
	c.Poster = posterAmong(c.Sidecars)
	c.BootID, c.ClockSynced = l.Clock.Boot, l.Clock.Synced()
	return c
}

// retimed takes a file whose mtime or mode was set.
func (l *live) retimed(file string) {
	if !l.isMedia(file) {
		return
	}
	l.sync(file)
	info, err := l.Root.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		l.gone(file)
		return
	}
	if err != nil || l.isKnown(file, info) {
		return
	}
	r := recheck{path: file, origin: store.Live, retimed: true}
	r.wait(info, l.delays.retime)
	if !l.waiting.add(r) {
		l.Rescan("the times of many files were set")
	}
}

// isKnown says whether the catalogue has the file as it is, as a clip or as a partial that stays one.
func (l *live) isKnown(file string, info fs.FileInfo) bool {
	if c, _, err := l.Store.ClipAt(file); err == nil {
		return c.Size == info.Size() && c.Mtime.Equal(info.ModTime())
	}
	return l.staysPartial(file, info)
}

// retime is the second look at a file whose mtime was set.
func (l *live) retime(r recheck) {
	l.sync(r.path)
	old, stage, err := l.Store.ClipAt(r.path)
	if err != nil || stage != store.StageListed || l.Hash && !old.Hashed {
		l.file(recheck{path: r.path, origin: r.origin})
		return
	}
	f, info, err := l.Root.Open(r.path)
	if err != nil {
		l.unopened(r.path, err)
		return
	}
	defer f.Close()
	w, err := writersOf(f)
	switch {
	case err != nil, w == hasWriter, info.ModTime().Equal(old.Mtime) && info.Size() == old.Size:
		return
	case info.Size() != old.Size || !info.ModTime().Equal(r.mtime):
		l.file(recheck{path: r.path, origin: r.origin})
		return
	}
	l.put(r.path, store.Rename(old.ID, l.again(old, r.path, info), "its time was set"))
}

// gone takes a file that may have been removed. The recorder is followed, not fought.
func (l *live) gone(file string) {
	l.sync(file)
	if _, err := l.Root.Stat(file); !isGone(err) {
		return
	}
	l.waiting.drop(file)
	if c, _, err := l.Store.ClipAt(file); err == nil {
		l.put(file, store.Forget(c.ID, "gone"))
	}
	if _, err := l.Store.Partial(file); err == nil {
		l.put(file, store.ClearPartial(file))
	}
	if isSidecar(file) {
		l.attach(file)
	}
}

// isGone says whether there certainly is no such file: an unreadable folder or a root that is away proves nothing.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, root.ErrNotRegular)
}

// attach brings the sidecars of the clips that sidecar belongs, or belonged, to up to date.
func (l *live) attach(sidecar string) {
	l.flush() // its clip may be among what is finished
	owners, err := l.ownersOf(sidecar)
	if err != nil {
		l.Log.Error("sidecar not attached", "path", sidecar, "error", err)
	}
	for _, c := range owners {
		if now := l.sidecarsOf(c.Path); !slices.Equal(now, c.Sidecars) {
			l.put(c.Path, store.Attach(c.ID, now, posterAmong(now)))
		}
	}
}

// folderMoved takes a folder that was renamed beneath the root: its clips keep their sums. The watcher tells of the other
// files in it one by one.
func (l *live) folderMoved(from, to string) {
	l.each(from, func(k store.Known) {
		old, stage, err := l.Store.ClipAt(k.Path)
		path := to + strings.TrimPrefix(k.Path, from)
		if err == nil && stage == store.StageListed && l.rename(old, path, "renamed") {
			return
		}
		l.forgetGone(k)
	})
}

// folderGone takes a folder that was removed or moved away.
func (l *live) folderGone(folder string) { l.each(folder, l.forgetGone) }

func (l *live) forgetGone(k store.Known) {
	if _, err := l.Root.Stat(k.Path); isGone(err) {
		l.put(k.Path, store.Forget(k.ID, "gone"))
	}
}

// each calls fn for every catalogued file below folder, and commits what fn has put a page at a time.
func (l *live) each(folder string, fn func(store.Known)) {
	l.flush()
	prefix := folder + "/"
	for after, more := prefix, true; more && l.ctx.Err() == nil; {
		known, err := l.Store.PathsFrom(after, maxBatch)
		if err != nil {
			l.Log.Error("the files below a folder are left to the next scan", "folder", folder, "error", err)
			l.retry()
			return
		}
		more = len(known) == maxBatch
		for _, k := range known {
			if !strings.HasPrefix(k.Path, prefix) {
				more = false
				break
			}
			after = k.Path
			fn(k)
		}
		if !l.Root.Look(l.ctx).Present {
			l.drop() // what looked like removals was the disk going away
			return
		}
		l.flush()
	}
}
