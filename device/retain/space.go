package retain

import (
	"fmt"
	"time"

	"clipd/store"
)

// overrun bounds what one drain deletes beyond what is missing before it waits for the file system: some give room back
// late, and a file that is being fetched gives none until then.
const (
	overrun     = 64 << 20
	overrunWait = 2 * time.Second
)

// reaction is how long a deletion takes on a busy card: it begins so much before recorders would reach the floor.
const reaction = 500 * time.Millisecond

// fallFades is what a look takes from the fall that was seen before: recorders write in bursts.
const fallFades = 0.9

// space is what is known of the room there is.
type space struct {
	free, total, floor int64 // of the file system; total is 0 where it is not known
	used               int64 // by clips and partial files
	near               int64 // how far above the floor it is already time to delete
	at                 time.Time
	freed              int64   // deleted since
	fall               float64 // bytes that others took in a second, as last seen
}

// drain is the work on one rule about space, from when it is broken until there is some room again.
type drain struct {
	missing int64 // at its start
	spent   int64 // deleted since
	until   time.Time
}

// measure reads how much room there is.
func (r *Retainer) measure() error {
	k := &r.keep
	totals, err := r.Store.Totals()
	if err != nil {
		return err
	}
	free, total, err := r.Free()
	if err != nil {
		return err
	}
	now, s := time.Now(), &k.space
	if s.total != 0 && now.After(s.at) {
		s.fall = max(float64(s.free+s.freed-free)/now.Sub(s.at).Seconds(), s.fall*fallFades)
	}
	*s = space{
		free: free, total: total, floor: r.Rules.floor(total), used: totals.Bytes + k.partial.bytes, at: now, fall: s.fall,
	}
	s.near = min(slack(s.floor), int64(min(s.fall, 1<<40)*reaction.Seconds()))
	return nil
}

// broken is a rule about space that must have some clips go.
type broken struct {
	scope  scope
	query  store.Query
	over   int64  // bytes beyond the limit; 0 or less: kept
	near   int64  // bytes before the limit where it is already time to delete
	slack  int64  // bytes that are to be free below it
	reason string // for clip_removed
	waits  bool   // for the file system to give back what was deleted
}

// rulesOfSpace are the rules about space with how far each is broken, those that may free the fewest first.
func (r *Retainer) rulesOfSpace() (all []broken) {
	s := &r.keep.space
	for i, c := range r.Rules.Classes {
		if c.Size > 0 {
			all = append(all, r.quota(i, c.Size))
		}
	}
	if r.Rules.Size > 0 {
		all = append(all, broken{
			scope: scope{rule: bySize}, over: s.used - r.Rules.Size, slack: slack(r.Rules.Size),
			reason: fmt.Sprintf("the recordings exceed %s, keep.size", bytesText(r.Rules.Size)),
		})
	}
	if s.floor > 0 {
		all = append(all, broken{
			scope: scope{rule: byFree}, over: s.floor - s.free, near: s.near, slack: slack(s.floor),
			reason: fmt.Sprintf("free space is under %s, keep.free", bytesText(s.floor)),
		})
	}
	return all
}

func (r *Retainer) quota(class int, size int64) broken {
	t := &r.keep.tally
	b := broken{
		scope: scope{rule: byQuota, class: class}, over: t.sum(class).bytes - size, slack: slack(size),
		reason: fmt.Sprintf("keep.class %s exceeds %s", r.Rules.name(class), bytesText(size)),
	}
	if cameras := t.cameras(class); len(cameras) == 1 {
		b.scope.camera, b.query.Camera = cameras[0], cameras[0]
	}
	return b
}

// missing is how many bytes have to go for b now, 0 for none.
func (r *Retainer) missing(b *broken) int64 {
	s := b.scope
	s.camera = ""
	d := r.keep.drains[s]
	switch {
	case b.over+b.near > 0 && d == nil:
		r.keep.drains[s] = &drain{missing: b.over + b.slack}
	case b.over+b.slack <= 0:
		delete(r.keep.drains, s)
		return 0
	case d == nil:
		return 0
	case time.Now().Before(d.until):
		b.waits = true
		return 0
	}
	return b.over + b.slack
}

// spend notes what was deleted for b.
func (r *Retainer) spend(b *broken, bytes int64) {
	s := b.scope
	s.camera = ""
	d := r.keep.drains[s]
	if d == nil {
		return
	}
	if d.spent += bytes; d.spent > 2*d.missing+overrun && b.scope.rule == byFree {
		*d = drain{missing: b.over + b.slack, until: time.Now().Add(overrunWait)}
	}
}

// crowded returns the next clips that go because of b, nothing where none may. Those of a later tier go only when the one
// before has none left.
func (r *Retainer) crowded(b *broken) ([]Doomed, error) {
	missing := r.missing(b)
	if missing == 0 {
		return nil, nil
	}
	for t := ordinary; t < tiers && (t != held || r.Rules.LastResort); t++ {
		s := b.scope
		s.tier = t
		doomed, err := r.step(r.walk(s), b.query, t, func(c *store.Clip) string {
			if b.scope.rule == byQuota && r.Rules.class(c) != b.scope.class {
				return ""
			}
			return b.reason
		})
		if err != nil || len(doomed) > 0 {
			return enough(doomed, missing), err
		}
	}
	return nil, nil
}

// enough cuts doomed to what frees missing bytes.
func enough(doomed []Doomed, missing int64) []Doomed {
	for i := range doomed {
		if missing -= doomed[i].Size; missing <= 0 {
			return doomed[:i+1]
		}
	}
	return doomed
}
