package store

import (
	"fmt"
	"strings"
	"time"
)

// Enqueue asks for a push: ID, Target, URL and Next (zero: at once) are read. What waits already is left alone, but for
// a free URL that was signed anew; what is dead lives again. The clip counts as not pushed until every push of it is
// done. ErrNotFound for an unknown clip.
func Enqueue(p Push) Op {
	return Op{what: fmt.Sprintf("queueing clip %s for %.80q", p.ID, p.Target), run: func(x *change) error {
		r, err := x.answering(p.ID)
		if err == nil {
			err = p.check()
		}
		if err != nil {
			return err
		}
		was, err := found(readPush(x.tx, p.ID, p.Target))
		if err != nil || was != nil && !was.Dead && was.URL == p.URL {
			return err
		}
		next := Push{ID: p.ID, Target: p.Target, URL: p.URL, Added: x.now, Next: p.Next, Size: r.Size}
		if next.Next.IsZero() {
			next.Next = x.now
		}
		if err := x.replacePush(was, &next); err != nil {
			return err
		}
		return x.setPushed(r, false)
	}}
}

// PushTried counts an attempt that failed, and when the next one is due. Of a dead push it changes nothing. ErrNotFound.
func PushTried(id ID, target string, next time.Time, err string) Op {
	return changePush("noting an attempt", id, target, func(p *Push) {
		p.Attempts++
		p.Next, p.Error = next, err
	})
}

// PushWaits puts a push off without counting an attempt, because its target could not be reached at all. ErrNotFound.
func PushWaits(id ID, target string, next time.Time, err string) Op {
	return changePush("putting off a push", id, target, func(p *Push) { p.Next, p.Error = next, err })
}

func changePush(what string, id ID, target string, fn func(p *Push)) Op {
	return Op{what: fmt.Sprintf("%s of clip %s to %.80q", what, id, target), run: func(x *change) error {
		p, err := readPush(x.tx, id, target)
		if err != nil || p.Dead {
			return err
		}
		next := p
		fn(&next)
		return x.replacePush(&p, &next)
	}}
}

// PushDead gives a push up, with its last attempt counted, and writes its push_failed, together. ErrNotFound.
func PushDead(id ID, target, err string) Op {
	return Op{what: fmt.Sprintf("giving up clip %s for %.80q", id, target), run: func(x *change) error {
		p, r, e := x.push(id, target)
		if e != nil || p.Dead {
			return e
		}
		next := p
		next.Attempts++
		next.Dead, next.Error = true, err
		if e := x.replacePush(&p, &next); e != nil {
			return e
		}
		return x.tell(Event{Type: PushFailed, Clip: r.Clip, Target: target, Reason: next.Error})
	}}
}

// PushDelivered ends a push that its target has: its row goes and push_done is written, together; where it was the last
// of the clip, the clip counts as pushed. ErrNotFound.
func PushDelivered(id ID, target string) Op {
	return Op{what: fmt.Sprintf("noting that %.80q has clip %s", target, id), run: func(x *change) error {
		p, r, err := x.push(id, target)
		if err != nil {
			return err
		}
		if err := x.replacePush(&p, nil); err != nil {
			return err
		}
		left, err := pushesOf(x.tx, id)
		if err != nil {
			return err
		}
		if err := x.setPushed(r, len(left) == 0); err != nil {
			return err
		}
		r.Pushed = len(left) == 0
		return x.tell(Event{Type: PushDone, Clip: r.Clip, Target: target})
	}}
}

// DropPush forgets a push, waiting or dead. No event. ErrNotFound.
func DropPush(id ID, target string) Op {
	return Op{what: fmt.Sprintf("dropping the push of clip %s to %.80q", id, target), frees: true, run: func(x *change) error {
		p, err := readPush(x.tx, id, target)
		if err != nil {
			return err
		}
		return x.replacePush(&p, nil)
	}}
}

// push returns a push and the row of its clip.
func (x *change) push(id ID, target string) (Push, *row, error) {
	p, err := readPush(x.tx, id, target)
	if err != nil {
		return Push{}, nil, err
	}
	r, err := x.lookup(id)
	if err == nil && r == nil {
		err = fmt.Errorf("%w: a push of clip %s, which is not there", ErrDamaged, id)
	}
	return p, r, err
}

func (x *change) setPushed(r *row, pushed bool) error {
	if r.Pushed == pushed {
		return nil
	}
	next := *r
	next.Pushed = pushed
	return x.replace(r, &next)
}

// replacePush puts next where prev was (either may be nil) and keeps the index of what is due, and the counts, in step.
// It is the only place where push rows are written.
func (x *change) replacePush(prev, next *Push) error {
	if prev != nil {
		if err := x.unqueue(prev); err != nil {
			return err
		}
	}
	if next == nil {
		return x.delete(bucketPushes, pushKey(prev.ID, prev.Target))
	}
	next.Error = strings.ToValidUTF8(next.Error[:min(len(next.Error), maxPushError)], "")
	key := pushKey(next.ID, next.Target)
	if err := x.put(bucketPushes, key, seal(bucketPushes, key, next.append(nil))); err != nil {
		return err
	}
	if next.Dead {
		x.side.dead++
		return nil
	}
	x.side.waiting++
	return x.put(bucketDue, next.dueKey(), nil)
}

func (x *change) unqueue(p *Push) error {
	if p.Dead {
		x.side.dead--
		return nil
	}
	x.side.waiting--
	return x.delete(bucketDue, p.dueKey())
}
