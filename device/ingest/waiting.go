package ingest

import (
	"io/fs"
	"time"

	"clipd/store"
)

const (
	maxWaiting    = 1024 // files that wait for another look
	maxHandedOver = 64   // of them on their way from the scan to the live worker
)

// recheck is a file that is due for another look when it was quiet long enough.
type recheck struct {
	path    string
	origin  store.Origin
	retimed bool // only its mtime was set
	tries   int

	size  int64 // as at the last look
	mtime time.Time
	since time.Time // monotonic: since when it has been like that
	due   time.Time
}

// quiet is how long the file has been seen not to change.
func (r *recheck) quiet(info fs.FileInfo) time.Duration {
	if r.since.IsZero() || r.size != info.Size() || !r.mtime.Equal(info.ModTime()) {
		return 0
	}
	return time.Since(r.since)
}

// wait sets when the file, now as info says, will have been quiet for d.
func (r *recheck) wait(info fs.FileInfo, d time.Duration) {
	if r.quiet(info) == 0 {
		r.since = time.Now()
	}
	r.size, r.mtime = info.Size(), info.ModTime()
	r.due = r.since.Add(d)
}

// waiting holds the files that wait, and one timer for the first that is due. It belongs to the live worker.
type waiting struct {
	files map[string]recheck
	timer *time.Timer
}

func newWaiting() waiting {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return waiting{files: map[string]recheck{}, timer: t}
}

// add puts r in the place of what waited for its path. It is false where there is no room.
func (w *waiting) add(r recheck) bool {
	if _, waits := w.files[r.path]; !waits && len(w.files) >= maxWaiting {
		return false
	}
	w.files[r.path] = r
	w.set()
	return true
}

func (w *waiting) drop(path string) { delete(w.files, path) }

func (w *waiting) stop() { w.timer.Stop() }

// ripe takes out the files that are due.
func (w *waiting) ripe() []recheck {
	var due []recheck
	now := time.Now()
	for path, r := range w.files {
		if !r.due.After(now) {
			due = append(due, r)
			delete(w.files, path)
		}
	}
	w.set()
	return due
}

func (w *waiting) set() {
	var first time.Time
	for _, r := range w.files {
		if first.IsZero() || r.due.Before(first) {
			first = r.due
		}
	}
	if first.IsZero() {
		w.timer.Stop()
		return
	}
	w.timer.Reset(time.Until(first))
}

// ripe looks again at the files that are due.
func (l *live) ripe() {
	for _, r := range l.waiting.ripe() {
		if r.retimed {
			l.retime(r)
			continue
		}
		l.file(r)
	}
}
