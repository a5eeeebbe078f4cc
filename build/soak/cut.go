package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"
)

const (
	diskSize = 64 << 20
	early    = 25 * time.Millisecond  // of a start, in which a cut hits it
	busy     = 400 * time.Millisecond // of work, at most, before a cut
)

// outage is a box on a disk of its own whose power is cut again and again.
type outage struct {
	*campaign
	shelf *shelf
	disk  *disk
	where *mounted
	box   *box
	model *model
	names int
	lies  bool // the disk loses what it said it flushed: the negative control
}

// powerCuts cuts the power n times: everything the box acknowledged is there when it starts again, and it always starts.
func (c *campaign) powerCuts(ctx context.Context, n int, lies bool) error {
	o := &outage{campaign: c, lies: lies}
	if err := o.open(); err != nil {
		return err
	}
	defer o.close()
	for range n {
		if err := o.round(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		c.figures.cuts++
		if len(c.wrong) > 0 {
			return nil
		}
	}
	return nil
}

// open makes a new disk with a new box on it.
func (o *outage) open() (err error) {
	if o.shelf, err = newShelf(o.dir); err != nil {
		return err
	}
	content, err := formatted(o.dir, diskSize)
	if err != nil {
		return err
	}
	o.model = &model{}
	if o.box, err = o.newBox(filepath.Join(o.dir, "cut"), noBroker); err != nil {
		return err
	}
	return o.insert(content)
}

// insert mounts a disk with that content.
func (o *outage) insert(content []byte) (err error) {
	o.disk = newDisk(content)
	o.disk.lies = o.lies
	o.where, err = o.shelf.mount(o.disk, o.box.dir)
	return err
}

func (o *outage) close() {
	if o.box != nil {
		o.box.kill()
	}
	if o.where != nil {
		o.note("taking the disk out", o.where.unmount())
	}
	if o.shelf != nil {
		o.note("closing the shelf", o.shelf.close())
	}
}

// round starts the box, sees whether it kept everything, works for a while and cuts the power.
func (o *outage) round(ctx context.Context) error {
	r := o.seeded()
	if err := o.box.launch(); err != nil {
		return err
	}
	if r.IntN(4) == 0 {
		rest(ctx, time.Duration(r.Int64N(int64(early))))
		return o.replace(o.cut(r))
	}
	if err := o.verify(ctx, o.box, o.model); err != nil {
		return err
	}
	var left []byte
	var facts int
	o.work(ctx, r, o.box, o.model, &o.names, func() { left, facts = o.cut(r) })
	return o.replace(left, facts)
}

// cut ends the power, and with it the box. It returns what is left of the disk, and how many facts were noted until then.
func (o *outage) cut(r *rand.Rand) (left []byte, facts int) {
	keep := []float64{0, 0.5, 1}[r.IntN(3)]
	facts = o.model.while(func() { left = o.disk.cut(r, keep, r.IntN(2) == 0) })
	o.box.kill()
	return left, facts
}

// replace takes the dead disk out and puts in what is left of it. Nobody works on it any more.
func (o *outage) replace(left []byte, facts int) error {
	o.model.forget(facts)
	err := o.where.unmount()
	o.where = nil
	o.shelf.take()
	if err != nil {
		return fmt.Errorf("after a power cut: %w", err)
	}
	return o.insert(left)
}

// earlyCuts cuts the power n times in the first moments of a new box, which then must start.
func (c *campaign) earlyCuts(ctx context.Context, n int) error {
	for range n {
		o := &outage{campaign: c}
		err := o.open()
		if err == nil {
			err = o.early(ctx)
		}
		o.close()
		if err != nil || len(c.wrong) > 0 || ctx.Err() != nil {
			return err
		}
		c.figures.early++
	}
	return nil
}

func (o *outage) early(ctx context.Context) error {
	r := o.seeded()
	if err := o.box.launch(); err != nil {
		return err
	}
	rest(ctx, time.Duration(r.Int64N(int64(8*early)))) // of which the kernel needs some to begin
	if err := o.replace(o.cut(r)); err != nil {
		return err
	}
	if err := o.box.launch(); err != nil {
		return err
	}
	return o.verify(ctx, o.box, o.model)
}
