package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"clipd/store"
)

// maxTouched bounds how many live paths are remembered for the scan; past it the scan's batch is void as a whole.
const maxTouched = 4096

// commits orders what the live worker and the scan write. The scan looks at a file, and commits what it saw later: by
// then the live worker may have committed something newer about the same path. So the live worker leaves a note of each
// path it touches, and the scan drops what it has about those.
type commits struct {
	mu       sync.Mutex
	scanning bool
	touched  map[string]struct{}
	all      bool // too many to remember
}

// commitLive commits ops about paths. The scan's older view of them is void.
func (in *Ingest) commitLive(ctx context.Context, paths []string, ops []store.Op) error {
	c := &in.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.scanning {
		for _, p := range paths {
			c.touched[p] = struct{}{}
		}
		c.all = c.all || len(c.touched) > maxTouched
	}
	return in.apply(ctx, ops)
}

// begin starts remembering live paths, for a scan; end stops it.
func (c *commits) begin() { c.set(true) }
func (c *commits) end()   { c.set(false) }

func (c *commits) set(scanning bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scanning, c.all = scanning, false
	clear(c.touched)
}

// batch is what a scan is about to commit: ops, and the path each is about.
type batch struct {
	in    *Ingest
	ops   []store.Op
	paths []string
	void  bool // a batch was dropped: what it was about must be looked at again
}

func (b *batch) add(path string, op store.Op) {
	b.ops = append(b.ops, op)
	b.paths = append(b.paths, path)
}

// flush commits the batch but for what the live worker has touched since the last flush.
func (b *batch) flush(ctx context.Context) error {
	c := &b.in.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	ops := b.ops[:0]
	for i, op := range b.ops {
		if _, newer := c.touched[b.paths[i]]; !newer && !c.all {
			ops = append(ops, op)
		}
	}
	b.void = b.void || c.all
	err := b.in.apply(ctx, ops)
	clear(b.ops)
	b.ops, b.paths, c.all = b.ops[:0], b.paths[:0], false
	clear(c.touched)
	return err
}

// apply commits ops, and states the problem if the catalogue does not take them.
func (in *Ingest) apply(ctx context.Context, ops []store.Op) error {
	if len(ops) == 0 {
		return nil
	}
	err := in.serious(in.Store.Apply(ctx, ops...))
	switch {
	case err == nil:
		in.problem("catalogue", "")
	case errors.Is(err, store.ErrFull):
		in.problem("catalogue", "the catalogue is full: new clips wait until there is space where the state folder is; free some")
	}
	if err != nil {
		return fmt.Errorf("commit to the catalogue: %w", err)
	}
	return nil
}

// serious drops from what Apply joined that a row is gone already, and logs what the catalogue will never take.
func (in *Ingest) serious(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var left []error
		for _, e := range joined.Unwrap() {
			left = append(left, in.serious(e))
		}
		return errors.Join(left...)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case errors.Is(err, store.ErrBadClip):
		in.Log.Warn("file left out of the catalogue", "error", err)
		return nil
	}
	return err
}
