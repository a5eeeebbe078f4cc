package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// cost is what one clip makes the box write.
type cost struct {
	bytes   int64
	flushes float64
}

func (c cost) String() string { return fmt.Sprintf("%s, %.1f flushes", kib(c.bytes), c.flushes) }

// writing is what reaches the card: for a clip without a broker, for the cursor that a broker adds, and for each of many
// clips at once. The recordings themselves are written by others and do not count.
func (m *many) writing(ctx context.Context) (t table, err error) {
	t.Title = fmt.Sprintf("Bytes written to disk for a clip among %d", m.n)
	var alone, both, burst cost
	err = m.with(ctx, false, func(x *box) (err error) {
		alone, err = m.oneByOne(ctx, x, "alone")
		return err
	})
	if err != nil {
		return t, err
	}
	err = m.with(ctx, true, func(x *box) (err error) {
		if both, err = m.oneByOne(ctx, x, "both"); err != nil {
			return err
		}
		burst, err = m.atOnce(ctx, x)
		return err
	})
	t.add("one clip", alone.String(), "96 KiB, 2 flushes")
	t.add("the cursor after it", cost{both.bytes - alone.bytes, both.flushes - alone.flushes}.String(), "16 KiB, 2 flushes")
	t.add(fmt.Sprintf("each of %d at once, announced", m.burst), burst.String(), "6 KiB")
	return t, err
}

// oneByOne records a clip, waits until everything about it is on disk, and goes on.
func (m *many) oneByOne(ctx context.Context, x *box, name string) (cost, error) {
	return m.counted(ctx, x, m.singles, func() error {
		for i := range m.singles {
			if err := m.live(fmt.Sprintf("live/%s-%03d.mp4", name, i)); err != nil {
				return err
			}
			m.n++
			if err := errors.Join(x.settled(ctx, m.n), x.quiet(ctx)); err != nil {
				return err
			}
		}
		return nil
	})
}

// atOnce moves many finished recordings into the root in one go.
func (m *many) atOnce(ctx context.Context, x *box) (cost, error) {
	outside, inside := filepath.Join(m.dir, "burst"), filepath.Join(m.root, "live")
	if err := os.Mkdir(outside, 0o777); err != nil {
		return cost{}, err
	}
	name := func(i int) string { return fmt.Sprintf("burst-%03d.mp4", i) }
	for i := range m.burst {
		if err := os.WriteFile(filepath.Join(outside, name(i)), m.sample, 0o666); err != nil {
			return cost{}, err
		}
	}
	return m.counted(ctx, x, m.burst, func() error {
		for i := range m.burst {
			if err := os.Rename(filepath.Join(outside, name(i)), filepath.Join(inside, name(i))); err != nil {
				return err
			}
		}
		m.n += m.burst
		return x.settled(ctx, m.n)
	})
}

// counted divides by clips what the box wrote during do and until it had nothing more to write.
func (m *many) counted(ctx context.Context, x *box, clips int, do func() error) (c cost, err error) {
	if err := errors.Join(x.settled(ctx, m.n), x.quiet(ctx)); err != nil {
		return c, err
	}
	stop, err := toDisk(ctx, x.pid)
	if err != nil {
		return c, err
	}
	err = errors.Join(do(), x.quiet(ctx))
	d, err1 := stop()
	return cost{d.bytes / int64(clips), float64(d.flushes) / float64(clips)}, errors.Join(err, err1)
}

func (m *many) live(path string) error {
	file := filepath.Join(m.root, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	return os.WriteFile(file, m.sample, 0o666)
}
