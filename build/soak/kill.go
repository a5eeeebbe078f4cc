package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// A point is where a kill strikes: when the program enters one of these system calls for the n-th time, strace(1) kills it
// before the kernel does anything. So the program that is shipped is the one that is tried, and has no failpoints in it.
type point struct {
	between string // what a kill comes between
	calls   string
	most    int // the highest n: strace counts for each thread, of which the program has several
}

var points = []point{
	{"a change and its data pages, or those and the meta page", "pwrite64", 12},
	{"data pages and their flush, or the meta page and its", "fdatasync", 8},
	{"a commit and its announcement, or an answer", "write", 16},
	{"a PUBACK and the cursor", "pwrite64", 40},
	{"a new small file and its name", "renameat,renameat2,rename", 2},
	{"a name, or a removed file, and the flush of its folder", "fsync", 3},
	{"a mark and its removal", "unlinkat", 3},
}

// kills kills a busy box n times, each at the boundary of a system call.
func (c *campaign) kills(ctx context.Context, n int) error {
	dir, done, err := c.scratch("kill")
	if err != nil {
		return err
	}
	defer done()
	b, err := startBroker(dir)
	if err != nil {
		return err
	}
	defer b.stop()
	x, err := c.newBox(filepath.Join(dir, "box"), b.url())
	if err != nil {
		return err
	}
	defer x.kill()
	m := &model{}
	follow, err := b.follow(m)
	if err != nil {
		return err
	}
	defer follow()
	names := 0
	for i := 0; i < n && len(c.wrong) == 0 && ctx.Err() == nil && !c.over(); i++ {
		if err := c.killed(ctx, x, m, &names); err != nil {
			return err
		}
	}
	if len(c.wrong) > 0 || ctx.Err() != nil {
		return nil
	}
	return c.ends(ctx, x, m)
}

// killed is one life: a start, a look at what was kept, work, and death.
func (c *campaign) killed(ctx context.Context, x *box, m *model, names *int) error {
	r := c.seeded()
	p := points[r.IntN(len(points))]
	strike := fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", p.calls, 1+r.IntN(p.most))
	if err := x.launch("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace="+p.calls, "-e", strike); err != nil {
		return err
	}
	c.figures.kills++
	if err := x.ready(c.start); errors.Is(err, errEnded) {
		c.figures.struck++ // while it started
		x.kill()
		return nil
	} else if err != nil {
		c.fail("failed start: %v", err)
		return nil
	}
	c.work(ctx, r, x, m, names, func() {
		select {
		case <-x.ended:
			c.figures.struck++
		case <-time.After(busy):
		}
		x.kill()
	})
	return c.compare(ctx, x, m)
}

// compare starts the box undisturbed, and compares it with what must be true.
func (c *campaign) compare(ctx context.Context, x *box, m *model) error {
	if err := x.launch(); err != nil {
		return err
	}
	if err := c.verify(ctx, x, m); err != nil {
		return err
	}
	x.kill()
	return nil
}

// ends sees to it that at last everything is announced that was recorded.
func (c *campaign) ends(ctx context.Context, x *box, m *model) error {
	if err := x.launch(); err != nil {
		return err
	}
	if err := c.verify(ctx, x, m); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.tell)
	defer cancel()
	missing := ""
	err := until(ctx, func() (bool, error) {
		missing = ""
		for path, e := range m.now().clips {
			if e.recorded && e.there() && !e.announced {
				missing = path
			}
		}
		return missing == "", nil
	})
	if err != nil {
		c.fail("%s was recorded and never announced", missing)
	}
	return x.stop()
}
