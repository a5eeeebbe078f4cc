package retain

import (
	"context"
	"fmt"
	"time"

	"clipd/store"
)

const (
	partialPage  = 500
	partialEvery = time.Minute
)

// partials is what is known of the partial files.
type partials struct {
	bytes int64
	due   []store.Partial // older than they may grow
	next  time.Time       // monotonic: when they are looked at again
}

// expirePartial deletes one partial file that is too old; false where there is none.
func (r *Retainer) expirePartial(ctx context.Context) bool {
	p, reason := r.partialDue()
	if reason == "" {
		return false
	}
	gone, err := r.ExpirePartial(ctx, p)
	if err != nil && ctx.Err() == nil {
		r.Log.Warn("a partial file could not be deleted; it is tried again later", "path", p.Path, "error", err)
	}
	if gone {
		r.Log.Info("partial file deleted", "path", p.Path, "bytes", p.Size, "reason", reason)
	}
	return true
}

// partialDue takes the next partial file that is due, and the reason; "" where none is.
func (r *Retainer) partialDue() (p store.Partial, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := &r.keep
	if k.off != "" || len(k.partial.due) == 0 {
		return p, ""
	}
	p, k.partial.due = k.partial.due[0], k.partial.due[1:]
	return p, fmt.Sprintf("partial, and older than %s", length(r.Rules.partialAge()))
}

// lookAtPartials counts the partial files and finds those that are due, now and then.
func (r *Retainer) lookAtPartials() error {
	k := &r.keep
	if time.Now().Before(k.partial.next) {
		return nil
	}
	next := partials{next: time.Now().Add(partialEvery)}
	for after := ""; ; {
		page, err := r.Store.Partials(after, partialPage)
		if err != nil {
			return err
		}
		for _, p := range page {
			after = p.Path
			next.bytes += p.Size
			if len(next.due) < partialPage && r.partialTooOld(&p) {
				next.due = append(next.due, p)
			}
		}
		if len(page) < partialPage {
			k.partial = next
			return nil
		}
	}
}

func (r *Retainer) partialTooOld(p *store.Partial) bool {
	age, now := r.Rules.partialAge(), r.keep.now
	return age > 0 && now.trusted && !p.Mtime.Before(unset) && now.now.Sub(p.Mtime) > age
}
