package ingest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"clipd/device/watch"
	"clipd/store"
)

// A burst of closed files shares commits: alone a clip is committed at once, with others behind it they wait for each
// other, but no longer than this.
const (
	maxBatch  = 256
	batchTime = 250 * time.Millisecond
)

// burst notices commits that follow each other so fast that more clips are surely on their way: each would write the
// same pages of the card again.
type burst struct {
	at [4]time.Time // of the last commits, in a ring
	n  int
}

// burstTime is the time in which a full ring of commits makes a burst.
const burstTime = 80 * time.Millisecond

func (b *burst) note(now time.Time) {
	b.at[b.n%len(b.at)] = now
	b.n++
}

func (b *burst) on(now time.Time) bool { return now.Sub(b.at[b.n%len(b.at)]) < burstTime }

// pulse is how often the live worker shows life while nothing happens, and looks at cameras that are due.
const pulse = 5 * time.Second

// maxTries is how often a file that changes under the reading is read again before it is left to its next close.
const maxTries = 3

// live is the live worker of one session: one goroutine that turns what the watcher tells into rows. It blocks only in
// reading files and in commits.
type live struct {
	*Ingest
	ctx     context.Context
	watcher *watch.Watcher
	events  <-chan watch.Event // the watcher's
	waiting waiting
	hasher  hasher

	ops   []store.Op // finished, not committed
	paths []string   // what they are about
	added []store.ID // clips among them
	since time.Time  // when the first of them was finished
	burst burst
	later *time.Timer // when ops that wait for others are committed

	reread reread
}

func (in *Ingest) newLive(ctx context.Context, w *watch.Watcher) *live {
	l := &live{Ingest: in, ctx: ctx, watcher: w, events: w.Events(), waiting: newWaiting(), later: time.NewTimer(0)}
	l.hasher.pause = func(ctx context.Context) error {
		in.alive()
		return ctx.Err()
	}
	return l
}

// run works until ctx is done.
func (l *live) run() error {
	lowDisk(ioBestEffortLast)
	ticker := time.NewTicker(pulse)
	defer ticker.Stop()
	defer l.waiting.stop()
	defer l.later.Stop()
	defer l.gate.reopen()
	for {
		select {
		case <-l.ctx.Done():
			return nil
		case e, ok := <-l.events:
			if !ok {
				return nil
			}
			l.work(e)
		case r := <-l.recheck:
			if !l.waiting.add(r) {
				l.retry()
			}
		case <-l.waiting.timer.C:
			l.gate.shut()
			l.drain()
			l.ripe()
		case <-l.later.C: // what waits is due
		case <-ticker.C:
			l.expect.check(l.problem)
			l.problem("watches", l.watcher.Problem())
			l.checkUnreadable()
		}
		l.alive()
		if !l.linger() {
			l.flush()
		}
		l.gate.reopen()
	}
}

// linger reports whether what is finished waits a little for others, as in a burst.
func (l *live) linger() bool {
	now := time.Now()
	left := batchTime - now.Sub(l.since)
	if len(l.ops) == 0 || left <= 0 || !l.burst.on(now) {
		return false
	}
	l.later.Reset(left)
	return true
}

// work handles e and whatever else has come since.
func (l *live) work(e watch.Event) {
	l.gate.shut()
	l.handle(e)
	l.drain()
}

// drain handles what waits in the queue, so that finished clips share a commit.
func (l *live) drain() {
	for l.ctx.Err() == nil {
		select {
		case e, ok := <-l.events:
			if !ok {
				return
			}
			l.handle(e)
			l.alive()
		default:
			return
		}
	}
}

func (l *live) handle(e watch.Event) {
	switch e.Op {
	case watch.Closed:
		l.closed(e.Path)
	case watch.Moved:
		l.moved(e.From, e.Path)
	case watch.Gone:
		l.gone(e.Path)
	case watch.Retimed:
		l.retimed(e.Path)
	case watch.FolderMoved:
		l.folderMoved(e.From, e.Path)
	case watch.FolderGone:
		l.folderGone(e.Path)
	case watch.Reconcile:
		l.Rescan(e.Reason)
	}
	if len(l.ops) >= maxBatch || len(l.ops) > 0 && time.Since(l.since) >= batchTime {
		l.flush()
	}
}

// closed takes a file that has been closed by a writer, or put in place.
func (l *live) closed(file string) {
	if l.isMedia(file) {
		l.file(recheck{path: file, origin: store.Live})
	} else if isSidecar(file) {
		l.attach(file)
	}
}

// file looks at one file and does what the verdict asks for.
func (l *live) file(r recheck) {
	f, info, err := l.Root.Open(r.path)
	if err != nil {
		l.unopened(r.path, err)
		return
	}
	defer f.Close()
	if l.isListed(r.path, info) {
		l.waiting.drop(r.path)
		if l.states(emptyRoot) {
			l.Rescan("recordings are back")
		}
		return
	}
	found := l.look(f, info, r.path, r.quiet(info))
	if found.verdict == unsure {
		r.wait(info, found.wait)
		if !l.waiting.add(r) {
			l.Rescan("too many files wait to be settled")
		}
		return
	}
	l.waiting.drop(r.path)
	switch found.verdict {
	case unusable:
		l.partial(r.path, info, found.reason)
	case settled:
		l.finish(f, r, found.clip)
	}
}

// isListed says whether the catalogue has the file as it is, or will have it with the next commit: the watcher may tell
// of a file twice.
func (l *live) isListed(file string, info fs.FileInfo) bool {
	id := store.MakeID(file, info.Size(), info.ModTime())
	if slices.Contains(l.added, id) {
		return true
	}
	_, stage, err := l.Store.Clip(id)
	return err == nil && stage == store.StageListed
}

// finish reads a settled file for its sums and puts its clip among those to be committed.
func (l *live) finish(f *os.File, r recheck, c store.Clip) {
	if l.Hash {
		switch err := l.hasher.clip(l.ctx, f, &c); {
		case errors.Is(err, errChanged) && r.tries < maxTries:
			r.tries++
			l.file(r)
			return
		case err != nil:
			l.unread(c, err)
			return
		}
	}
	c.Sidecars = l.sidecarsOf(c.Path)
	c.Poster = posterAmong(c.Sidecars)
	l.put(c.Path, store.Add(c, r.origin))
	l.added = append(l.added, c.ID)
	l.absorb(c)
	l.expect.met(c.Camera)
	l.Log.Info("clip settled", "path", c.Path, "id", c.ID, "camera", c.Camera, "bytes", c.Size, "complete", c.Complete)
}

// unread notes a settled file that could not be read to its end.
func (l *live) unread(c store.Clip, err error) {
	if l.ctx.Err() != nil || errors.Is(err, errChanged) {
		return // its next close, or the next start, comes back to it
	}
	l.putPartial(store.Partial{Path: c.Path, Size: c.Size, Mtime: c.Mtime, Reason: unreadable + err.Error()})
	l.retry()
}

func (l *live) unopened(file string, err error) {
	l.waiting.drop(file)
	if errors.Is(err, fs.ErrNotExist) {
		l.gone(file)
		return
	}
	reason := unopened(err)
	if reason == "" {
		return
	}
	l.putPartial(store.Partial{Path: file, Reason: reason})
	if !errors.Is(err, fs.ErrPermission) {
		l.retry()
	}
}

// partial notes an unusable file. What the catalogue had at its path has been overwritten.
func (l *live) partial(file string, info fs.FileInfo, reason string) {
	l.sync(file)
	if old, _, err := l.Store.ClipAt(file); err == nil {
		l.put(file, store.Forget(old.ID, "overwritten by what is no clip"))
	}
	l.putPartial(store.Partial{Path: file, Size: info.Size(), Mtime: info.ModTime(), Reason: reason})
}

func (l *live) putPartial(p store.Partial) {
	if op, news := l.notePartial(p); news {
		l.put(p.Path, op)
	}
}

// put adds an op about path to those to be committed.
func (l *live) put(path string, op store.Op) {
	if len(l.ops) == 0 {
		l.since = time.Now()
	}
	l.ops = append(l.ops, op)
	l.paths = append(l.paths, path)
}

// sync makes the catalogue answer for paths: what is finished about them is committed.
func (l *live) sync(paths ...string) {
	if slices.ContainsFunc(paths, func(p string) bool { return slices.Contains(l.paths, p) }) {
		l.flush()
	}
}

// flush commits what is finished. What the catalogue does not take is found again by the next scan.
func (l *live) flush() {
	if len(l.ops) == 0 {
		return
	}
	if err := l.commitLive(l.ctx, l.paths, l.ops); err != nil && l.ctx.Err() == nil {
		l.Log.Error("live files wait for the next scan", "files", len(l.paths), "error", err)
		l.retry()
	}
	if len(l.added) > 0 && l.states(emptyRoot) {
		l.Rescan("recordings are back")
	}
	l.burst.note(time.Now())
	l.drop()
	l.alive()
}

// drop forgets what is finished and not committed.
func (l *live) drop() {
	clear(l.ops)
	l.ops, l.paths, l.added = l.ops[:0], l.paths[:0], l.added[:0]
}

// absorb takes pictures that were clips of their own, and now are sidecars, out of the catalogue.
func (l *live) absorb(c store.Clip) {
	if !l.Pictures {
		return
	}
	for _, s := range c.Sidecars {
		if lone, _, err := l.Store.ClipAt(s); err == nil {
			l.put(s, store.Forget(lone.ID, "it belongs to "+c.Path))
		}
	}
}
