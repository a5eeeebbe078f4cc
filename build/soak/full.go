package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// fullDisk lets a busy box, recordings and state on one small disk, run out of space, and gives it some again: nothing
// acknowledged is gone, and what was recorded whole is listed without a restart.
func (c *campaign) fullDisk(ctx context.Context) (err error) {
	dir, done, err := c.scratch("full")
	if err != nil {
		return err
	}
	defer done()
	if err := syscall.Mount("full", dir, "tmpfs", 0, "size=48m"); err != nil {
		return fmt.Errorf("mounting a small disk: %w", err)
	}
	defer func() { err = errors.Join(err, syscall.Unmount(dir, syscall.MNT_DETACH)) }()
	x, err := c.newBox(dir, noBroker)
	if err != nil {
		return err
	}
	defer x.kill()
	m, names, r := &model{}, 0, c.seeded()
	if err := x.launch(); err != nil {
		return err
	}
	if err := x.ready(c.start); err != nil {
		c.fail("failed start: %v", err)
		return nil
	}
	filler := filepath.Join(dir, "filler")
	for range 3 {
		c.work(ctx, r, x, m, &names, func() { err = fill(filler) })
		if err != nil {
			return err
		}
		c.work(ctx, r, x, m, &names, func() {})
		if err := os.Remove(filler); err != nil {
			return err
		}
		c.figures.full++
		if err := c.verify(ctx, x, m); err != nil || len(c.wrong) > 0 {
			return err
		}
	}
	return x.stop()
}

// fill takes all the room there is.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return f.Close()
}
