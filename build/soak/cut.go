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
	shelf  *shelf
	disk   *disk
	where  *mounted
	broker *broker
	wire   *wire
	follow func() // ends the reader of announcements
	box    *box
	model  *model
	names  int
	lies   bool // the disk loses what it said it flushed: the negative control
}

// powerCuts cuts the power n times: everything the box acknowledged is there when it starts again, it always starts, and
// at last everything is announced.
func (c *campaign) powerCuts(ctx context.Context, n int, lies bool) error {
	o := &outage{campaign: c, lies: lies, model: &model{}}
	defer o.close()
	if err := o.connect(); err != nil {
		return err
	}
	if err := o.open(o.wire.url()); err != nil {
		return err
	}
	for i := 0; i < n && !c.over(); i++ {
		if err := o.round(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		c.figures.cuts++
		if len(c.wrong) > 0 {
			return nil
		}
	}
	return c.ends(ctx, o.box, o.model)
}

// connect starts a broker, which keeps its power, and a wire to it.
func (o *outage) connect() (err error) {
	if o.broker, err = startBroker(o.dir); err != nil {
		return err
	}
	if o.wire, err = newWire(o.broker.address); err != nil {
		return err
	}
	o.follow, err = o.broker.follow(o.model)
	return err
}

// open makes a new disk with a new box on it.
func (o *outage) open(broker string) (err error) {
	if o.shelf, err = newShelf(o.dir); err != nil {
		return err
	}
	empty, err := formatted(o.dir, diskSize)
	if err != nil {
		return err
	}
	if o.box, err = o.newBox(filepath.Join(o.dir, "cut"), broker); err != nil {
		return err
	}
	return o.insert(empty)
}

// insert mounts a disk with that content.
func (o *outage) insert(c content) (err error) {
	o.disk = newDisk(c)
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
	if o.follow != nil {
		o.follow()
	}
	if o.wire != nil {
		o.note("closing the wire", o.wire.close())
	}
	if o.broker != nil {
		o.broker.stop()
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
	var left content
	var facts int
	o.work(ctx, r, o.box, o.model, &o.names, func() {
		if r.IntN(2) == 0 {
			o.wire.hang()
			rest(ctx, time.Duration(r.Int64N(int64(busy))))
		}
		left, facts = o.cut(r)
	})
	o.wire.mend()
	return o.replace(left, facts)
}

// cut ends the power, and with it the box. It returns what is left of the disk, and how many facts were noted until then.
func (o *outage) cut(r *rand.Rand) (left content, facts int) {
	keep := []float64{0, 0.5, 1}[r.IntN(3)]
	facts = o.model.while(func() {
		o.box.freeze() // or it would tell of what it does after the cut
		left = o.disk.cut(r, keep, r.IntN(2) == 0)
	})
	o.box.kill()
	return left, facts
}

// replace takes the dead disk out and puts in what is left of it. Nobody works on it any more.
func (o *outage) replace(left content, facts int) error {
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
	for i := 0; i < n && !c.over(); i++ {
		o := &outage{campaign: c, model: &model{}}
		err := o.open(noBroker)
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
