package ingest

import (
	"fmt"
	"strings"
	"time"

	"clipd/store"
)

// unreadableFiles is the key of the problem that recordings cannot be read.
const unreadableFiles = "unreadable"

const (
	mostUnreadable = 1000 // partials that are looked through for them
	mostReread     = 16   // of them that are read again in a turn

	// rereadMost is how long they are left alone at most: reading a large file up to its bad sector is hard on a dying card.
	rereadMost = 10 * time.Minute
)

// checkUnreadable states what cannot be read, and reads it again from time to time: the disk's cable may be back in place,
// or somebody may have given access, without any event that tells of it. It does nothing where nothing is unreadable.
func (l *live) checkUnreadable() {
	if !l.suspect.Swap(false) && !l.states(unreadableFiles) {
		return
	}
	files, err := l.unreadable()
	if err != nil {
		l.Log.Error("the partial files could not be listed", "error", err)
		return
	}
	l.problem(unreadableFiles, sayUnreadable(files))
	now := time.Now()
	switch {
	case len(files) == 0:
		l.reread = reread{}
	case now.After(l.reread.due):
		for _, p := range files[:min(len(files), mostReread)] {
			l.file(recheck{path: p.Path, origin: store.Scan})
		}
		l.reread.next(now)
	}
}

// reread is when the unreadable files are read again; each time is twice as long after the last.
type reread struct {
	due   time.Time
	after time.Duration
}

func (r *reread) next(now time.Time) {
	r.after = min(max(2*r.after, pulse), rereadMost)
	r.due = now.Add(r.after)
}

func (in *Ingest) unreadable() (files []store.Partial, err error) {
	partials, err := in.Store.Partials("", mostUnreadable)
	for _, p := range partials {
		if strings.HasPrefix(p.Reason, unreadable) {
			files = append(files, p)
		}
	}
	return files, err
}

// sayUnreadable is the problem for people, "" where there is none.
func sayUnreadable(files []store.Partial) string {
	if len(files) == 0 {
		return ""
	}
	more := ""
	if n := len(files) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	return fmt.Sprintf("the recording %s%s %s; it is tried again, and nothing is deleted because of it", files[0].Path, more, files[0].Reason)
}
