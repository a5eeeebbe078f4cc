package retain

import (
	"time"

	"clipd/store"
)

const (
	// pageClips is how many clips are looked at, and at most deleted, at once.
	pageClips = 16
	// A walk goes on from where it was for walkFor, or for so many times of what it has cost; then acks and fetches have
	// changed enough to begin anew.
	walkFor   = 2 * time.Second
	walkTimes = 20
	// stuckFor is how long a clip that could not be deleted is left alone.
	stuckFor = time.Hour
	maxStuck = 1000
)

// A rule is one of those that let clips go.
type rule byte

const (
	byAge rule = iota
	byQuota
	bySize
	byFree
)

// A tier says which clips of those that a rule is about may go: each is tried when the one before has none left.
type tier byte

const (
	ordinary tier = iota // nobody waits for it, nobody is fetching it
	fetched
	held
	tiers
)

// scope is what one walk is about.
type scope struct {
	rule   rule
	class  int // of byQuota
	camera string
	tier   tier
}

// walk is how far a scope's clips have been looked at, oldest first.
type walk struct {
	cursor string
	ended  bool
	begun  time.Time // monotonic
	cost   time.Duration
}

// walk returns the walk of a scope, begun anew if the one there was is old.
func (r *Retainer) walk(s scope) *walk {
	w := r.keep.walks[s]
	if w == nil || time.Since(w.begun) > max(walkFor, walkTimes*w.cost) {
		w = &walk{begun: time.Now()}
		r.keep.walks[s] = w
	}
	return w
}

// step looks at the clips of q from where w is until fit takes some, and returns those; nothing at the end. A page of which
// some were taken is looked at again.
func (r *Retainer) step(w *walk, q store.Query, t tier, fit func(*store.Clip) (reason string)) ([]Doomed, error) {
	no := false
	q.Pinned, q.Order, q.Limit = &no, store.OldestFirst, pageClips
	began := time.Now()
	defer func() { w.cost += time.Since(began) }()
	for !w.ended {
		q.Cursor = w.cursor
		page, err := r.Store.List(q)
		if err != nil {
			return nil, err
		}
		doomed, err := r.among(page.Clips, t, fit)
		if err != nil || len(doomed) > 0 {
			return doomed, err
		}
		w.cursor, w.ended = page.Next, page.Next == ""
	}
	return nil, nil
}

// among returns the clips of a page that are of the tier and fit.
func (r *Retainer) among(clips []store.Clip, t tier, fit func(*store.Clip) string) (doomed []Doomed, err error) {
	by, err := r.heldBy(r.keep.holders, clips)
	if err != nil {
		return nil, err
	}
	for i := range clips {
		c := &clips[i]
		if tierOf(by[i], r.Fetching(c.ID)) != t || r.isStuck(c.ID) {
			continue
		}
		if reason := fit(c); reason != "" {
			if by[i] != "" {
				reason += lastResort + by[i] + " still waits for it"
			}
			doomed = append(doomed, Doomed{*c, reason})
		}
	}
	return doomed, nil
}

func tierOf(heldBy string, fetching bool) tier {
	switch {
	case heldBy != "":
		return held
	case fetching:
		return fetched
	}
	return ordinary
}

func (r *Retainer) isStuck(id store.ID) bool {
	until, ok := r.keep.stuck[id]
	if ok && time.Now().After(until) {
		delete(r.keep.stuck, id)
		return false
	}
	return ok
}
