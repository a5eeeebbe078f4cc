package watch

import (
	"context"
	"time"
)

// tooFast is lost order: the disk was ahead of the events about it.
const tooFast = "folders were renamed faster than they could be followed"

// lose notes that events were lost. The first reason stands.
func (w *Watcher) lose(why string) {
	if w.lost == "" {
		w.lost, w.lostAt = why, time.Now()
	}
}

// until is when the queue's silence has to be interrupted.
func (w *Watcher) until() time.Time {
	t := w.due
	if len(w.froms) > 0 {
		t = earlier(t, time.Now().Add(pairWait))
	}
	if w.lost != "" {
		t = earlier(t, earlier(w.heard.Add(calm), w.lostAt.Add(calmWithin)))
	}
	return t
}

// overdue is the reason for which to reconcile now. After a loss the storm is let pass, for a second at most: placing
// the tree again after each of many overflows would only make more of them.
func (w *Watcher) overdue() string {
	switch now := time.Now(); {
	case w.lost != "" && (now.Sub(w.heard) >= calm || now.Sub(w.lostAt) >= calmWithin):
		return w.lost
	case now.Before(w.due):
		return ""
	case w.trouble.polls:
		return "some folders cannot be watched"
	}
	return "periodic"
}

// reconcile places the tree again, and only then asks for a comparison: what it misses comes as an event.
func (w *Watcher) reconcile(ctx context.Context, why string) error {
	if err := w.place(ctx); err != nil {
		return err
	}
	return w.tell(ctx, Event{Op: Reconcile, Reason: why})
}

// schedule sets when the next Reconcile comes if nothing is lost.
func (w *Watcher) schedule() {
	w.due = time.Now().Add(w.every)
	if w.trouble.polls {
		w.due = time.Now().Add(w.poll)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
