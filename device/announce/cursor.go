package announce

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"clipd/store"
)

// spacing is the least time between two writes of the cursor: each costs 16 KiB of flash, and a write that is missing
// after a power cut costs a few repeated messages.
const spacing = 250 * time.Millisecond

// retryFull is how long a full disk is left alone before the cursor is written again.
const retryFull = 10 * time.Second

// cursor is how far the world has been told. It moves in memory with every PUBACK and follows on disk one write at a
// time, always with the latest value. The value on disk is never ahead of the one in memory.
type cursor struct {
	store *store.Store
	log   *slog.Logger
	seq   atomic.Uint64
	moved chan struct{} // holds one

	written uint64 // by write only
	full    bool   // the last write met a full disk
}

func newCursor(s *store.Store, log *slog.Logger) *cursor {
	return &cursor{store: s, log: log, moved: make(chan struct{}, 1)}
}

// load reads the cursor; a catalogue that has none starts at 0.
func (c *cursor) load() error {
	seq, _, err := c.store.Cursor(CursorName)
	c.seq.Store(seq)
	c.written = seq
	return err
}

func (c *cursor) value() uint64 { return c.seq.Load() }

// move passes seq; it does not wait for the disk.
func (c *cursor) move(seq uint64) {
	c.seq.Store(seq)
	select {
	case c.moved <- struct{}{}:
	default:
	}
}

// write keeps the disk up to date until stop is closed, and then once more.
func (c *cursor) write(stop <-chan struct{}) error {
	for {
		select {
		case <-c.moved:
		case <-stop:
			return c.apply()
		}
		if err := c.apply(); err != nil {
			return err
		}
		if !c.pause(stop) {
			return c.apply()
		}
	}
}

// pause keeps two writes apart; false when stop was closed.
func (c *cursor) pause(stop <-chan struct{}) bool {
	t := time.NewTimer(spacing)
	if c.full {
		t.Reset(retryFull)
		c.move(c.value())
	}
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-stop:
		return false
	}
}

// apply writes the latest value. A full disk is no failure: the cursor follows when there is room.
func (c *cursor) apply() error {
	seq := c.value()
	if seq == c.written {
		return nil
	}
	err := c.store.Apply(context.Background(), store.SetCursor(CursorName, seq))
	if full := errors.Is(err, store.ErrFull); full || err == nil {
		if full && !c.full {
			c.log.Warn("cursor not written: no space; messages may be repeated after a restart", "cursor", CursorName, "seq", seq)
		}
		c.full = full
		if !full {
			c.written = seq
		}
		return nil
	}
	return err
}
