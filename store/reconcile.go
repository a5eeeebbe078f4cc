package store

import (
	"context"
	"errors"
)

const reconcileBatch = 500

// reconcilePins makes the rows say what state/pins says: a crash between the two leaves them apart. Where the file is
// missing, it is written from the rows; where it is damaged, both stay as they are and PinsErr tells.
func (s *Store) reconcilePins(ctx context.Context) error {
	if s.pins.missing {
		return s.recoverPins()
	}
	if s.pins.unreadable != nil {
		return nil
	}
	var ops []Op
	for id := range s.pins.kept {
		if c, _, err := s.Clip(id); err == nil && !c.Pinned {
			ops = append(ops, Pin(id, true))
		}
	}
	err := s.eachPinned(func(c *Clip) {
		if _, ok := s.pins.kept[c.ID]; !ok {
			ops = append(ops, Pin(c.ID, false))
		}
	})
	for len(ops) > 0 && err == nil {
		n := min(len(ops), reconcileBatch)
		err = s.Apply(ctx, ops[:n]...)
		ops = ops[n:]
	}
	if errors.Is(err, ErrFull) {
		return nil // the pins file is what counts, and the rows follow at the next start
	}
	return err
}

// recoverPins writes a missing state/pins from the rows.
func (s *Store) recoverPins() error {
	var ids []ID
	if err := s.eachPinned(func(c *Clip) { ids = append(ids, c.ID) }); err != nil || len(ids) == 0 {
		return err
	}
	if err := writePins(s.Dir, ids); err != nil {
		return err
	}
	s.Log.Warn("state/pins was missing and is written anew from the catalogue", "pins", len(ids))
	s.pins = readPins(s.Dir)
	return nil
}

func (s *Store) eachPinned(fn func(c *Clip)) error {
	yes := true
	q := Query{Pinned: &yes, Limit: maxLimit}
	for {
		page, err := s.List(q)
		if err != nil {
			return err
		}
		for i := range page.Clips {
			fn(&page.Clips[i])
		}
		if page.Next == "" {
			return nil
		}
		q.Cursor = page.Next
	}
}
