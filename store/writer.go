package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

const (
	maxCallers = 256   // whose ops share one transaction
	maxOps     = 1_024 // after which no further caller is taken into it
)

// request is one call of Apply.
type request struct {
	tasks []task
	done  chan error
}

// task is one op on its way.
type task struct {
	op  Op
	err error
	out bool // it failed after it had begun to write: the change is made again without it
}

// Apply commits ops in order, in one transaction with whatever else is waiting, and blocks until they are on disk.
// An op that fails does not undo its neighbours; its error is in the joined result.
// ErrFull: nothing of the failed ops was done. ErrClosed after Close. ctx counts only until the writer takes the ops.
func (s *Store) Apply(ctx context.Context, ops ...Op) error {
	if len(ops) == 0 {
		return nil
	}
	if s.readOnly {
		return ErrReadOnly
	}
	r := &request{tasks: make([]task, len(ops)), done: make(chan error, 1)}
	for i, op := range ops {
		r.tasks[i].op = op
	}
	select {
	case <-s.stop:
		return ErrClosed
	default:
	}
	select {
	case s.requests <- r:
		return <-r.done
	case <-s.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write is the writer: the only goroutine that opens write transactions. It ends after Close.
func (s *Store) write() {
	defer close(s.stopped)
	debug.SetPanicOnFault(true)
	for {
		select {
		case r := <-s.requests:
			s.busy.begin()
			s.commit(s.gather(r))
			s.busy.end()
		case <-s.stop:
			return
		}
	}
}

// gather takes everybody who is waiting now. The channel has no buffer: who waits is blocked in Apply.
func (s *Store) gather(first *request) []*request {
	group := []*request{first}
	for ops := len(first.tasks); ops < maxOps && len(group) < maxCallers; {
		select {
		case r := <-s.requests:
			group = append(group, r)
			ops += len(r.tasks)
		default:
			return group
		}
	}
	return group
}

// commit brings the group to disk and answers everybody in it.
func (s *Store) commit(group []*request) {
	err := s.try(group)
	if isFull(err) {
		s.makeRoom(group, err)
		return
	}
	if err == nil {
		s.ballast.restore()
	}
	answer(group, err)
}

// makeRoom commits what can be on a full disk: removals together, with the ballast's space if need be, then the others
// one by one as long as there is room.
func (s *Store) makeRoom(group []*request, err error) {
	var removals, others []*request
	for _, r := range group {
		if r.frees() {
			removals = append(removals, r)
		} else {
			others = append(others, r)
		}
	}
	if len(removals) > 0 {
		err = s.try(removals)
		if isFull(err) && s.ballast.giveUp(s.Log) {
			err = s.try(removals)
		}
		answer(removals, err)
	}
	for _, r := range others {
		if !isFull(err) || len(group) > 1 && r == others[0] {
			err = s.try([]*request{r})
		}
		answer([]*request{r}, err)
	}
}

func (r *request) frees() bool {
	for i := range r.tasks {
		if !r.tasks[i].op.frees {
			return false
		}
	}
	return true
}

// answer ends the group's waiting, with err or else each with what its own ops met.
func answer(group []*request, err error) {
	if isFull(err) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	for _, r := range group {
		if err != nil {
			r.done <- err
			continue
		}
		var errs []error
		for i := range r.tasks {
			errs = append(errs, r.tasks[i].err)
		}
		r.done <- errors.Join(errs...)
	}
}

// try makes one change of the whole group and commits it. Ops that fail half-way are left out and the change is made
// again. Its error is nobody's in particular: nothing of the group was done. Unless it is "full", it is the end.
func (s *Store) try(group []*request) error {
	if err := s.whyFailed(); err != nil {
		return err
	}
	for _, r := range group {
		for i := range r.tasks {
			r.tasks[i].err, r.tasks[i].out = nil, false
		}
	}
	for {
		again, err := s.attempt(group)
		if err != nil && !isFull(err) {
			s.fail(err)
		}
		if !again {
			return err
		}
	}
}

// attempt makes one change; again tells that an op must be left out of the next.
func (s *Store) attempt(group []*request) (again bool, err error) {
	x, err := s.begin()
	if err != nil {
		return false, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = errors.Join(fmt.Errorf("%w: writing it: %v", ErrDamaged, p), x.abandon())
		}
	}()
	if !s.runAll(x, group) {
		return true, x.abandon()
	}
	if x.writes == 0 {
		return false, x.abandon()
	}
	if err := x.flush(); err != nil {
		return false, errors.Join(err, x.abandon())
	}
	if err := x.pins.before(); err != nil {
		for _, t := range x.pins.by {
			t.err, t.out = fmt.Errorf("%s: %w", t.op.what, asFull(err)), true
		}
		return true, x.abandon()
	}
	id := x.tx.ID()
	if err := x.tx.Commit(); err != nil {
		if undo := x.pins.undo(); undo != nil {
			s.Log.Warn("a pin that was not committed stays in state/pins until the next change", "error", undo)
		}
		return false, fmt.Errorf("committing to %s: %w", s.db.Path(), err)
	}
	s.durable.reach(id)
	s.committed(x)
	return false, nil
}

// runAll runs every op that is still in; false: one failed after it had begun to write.
func (s *Store) runAll(x *change, group []*request) bool {
	for _, r := range group {
		for i := range r.tasks {
			t := &r.tasks[i]
			if t.out {
				continue
			}
			before := x.writes
			t.err = x.run(t)
			if errors.Is(t.err, ErrDamaged) {
				s.fail(t.err)
			}
			if t.err != nil && x.writes != before {
				t.out = true
				return false
			}
		}
	}
	return true
}

// run runs one op. bbolt panics on pages that are not what they should be.
func (x *change) run(t *task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			x.writes++
			err = fmt.Errorf("%s: %w: %v", t.op.what, ErrDamaged, p)
		}
	}()
	x.task = t
	if err := t.op.run(x); err != nil {
		return fmt.Errorf("%s: %w", t.op.what, err)
	}
	return nil
}

// abandon gives up the change, also one in which bbolt panicked.
func (x *change) abandon() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: giving up a transaction: %v", ErrDamaged, p)
		}
	}()
	return x.tx.Rollback()
}

// committed tells the readers.
func (s *Store) committed(x *change) {
	s.jump, s.boot = x.jump, x.boot
	if x.sums.last != s.last.Load() {
		s.first.Store(s.firstSeq())
		s.last.Store(x.sums.last)
	}
	if x.root != nil {
		s.mu.Lock()
		s.root = *x.root
		s.mu.Unlock()
	}
	if err := x.pins.after(); err != nil {
		s.Log.Warn("the pins of removed clips could not be dropped; they keep nothing and go at the next change", "error", err)
	}
	s.notify()
}
