package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"clipd/store"
)

// unhashed is the configuration of the figures about many small files: they are about files, not about bytes.
const unhashed = "hash = \"none\"\n"

// many is one box with many clips, started over and over.
type many struct {
	*bench
	dir, root string
	n         int // clips on disk
	singles   int // clips recorded one by one, and in one
	burst     int
	broker    *broker
}

// manyClips measures a box with 100,000 clips: the first scan of them, what it holds in memory afterwards, and what it
// writes when more are recorded.
func manyClips(ctx context.Context, b *bench) ([]table, error) {
	m := many{bench: b, dir: filepath.Join(b.dir, "many"), n: b.pick(100_000, 10_000), singles: b.pick(20, 5), burst: 256}
	m.root = filepath.Join(m.dir, "recordings")
	if err := b.sample.fill(m.root, m.n); err != nil {
		return nil, err
	}
	var err error
	if m.broker, err = b.broker(ctx); err != nil {
		return nil, err
	}
	defer m.broker.stop()
	var all []table
	for _, measure := range []func(context.Context) (table, error){m.firstScan, m.idle, m.writing} {
		t, err := measure(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// with runs do on a box that was started over, with or without the broker.
func (m *many) with(ctx context.Context, broker bool, do func(*box) error) error {
	address := "none"
	if broker {
		address = "tcp://" + m.broker.address
	}
	x, err := m.startBox(ctx, m.dir, address, unhashed)
	if err != nil {
		return err
	}
	return errors.Join(do(x), x.stop())
}

func (m *many) firstScan(ctx context.Context) (t table, err error) {
	t.Title = fmt.Sprintf("First scan of %d small recordings, hash = \"none\"", m.n)
	oldest, err := m.oldest()
	if err != nil {
		return t, err
	}
	return t, m.with(ctx, false, func(x *box) error {
		began, most := time.Now(), peak(x.pid)
		err := wait(ctx, func() (bool, error) {
			code, err := x.get(ctx, "/api/v1/clips/"+oldest.String(), nil)
			return code == http.StatusOK, err
		})
		if err != nil {
			return err
		}
		answered := time.Since(began)
		if err := x.settled(ctx, m.n); err != nil {
			return err
		}
		t.add("files per second", fmt.Sprintf("%.0f", float64(m.n)/time.Since(began).Seconds()), "3000")
		t.add("until every id answers", fmt.Sprintf("%.1f s", answered.Seconds()), "a few seconds")
		t.add("peak anonymous memory", mb(most()), "24 MB")
		return nil
	})
}

// oldest is the id of the recording a scan, newest first, comes to last.
func (m *many) oldest() (id store.ID, err error) {
	var path string
	var mtime time.Time
	err = filepath.WalkDir(m.root, func(p string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(p) != ".mp4" {
			return err
		}
		info, err := d.Info()
		if err == nil && (path == "" || info.ModTime().Before(mtime)) {
			path, mtime = p, info.ModTime()
		}
		return err
	})
	if err != nil {
		return id, err
	}
	rel, err := filepath.Rel(m.root, path)
	return store.MakeID(rel, int64(len(m.sample)), mtime), err
}

func (m *many) idle(ctx context.Context) (t table, err error) {
	rest := time.Duration(m.pick(60, 10)) * time.Second
	t.Title = fmt.Sprintf("Idle with %d clips and an outside broker", m.n)
	return t, m.with(ctx, true, func(x *box) error {
		if err := errors.Join(x.settled(ctx, m.n), x.quiet(ctx)); err != nil {
			return err
		}
		before, err := written(x.pid)
		if err != nil {
			return err
		}
		if err := sleep(ctx, rest); err != nil {
			return err
		}
		after, err := written(x.pid)
		anon, err1 := anonymous(x.pid)
		rss, err2 := field(x.pid, "status", "VmRSS")
		t.add("start to READY", ms(x.ready), "1 s")
		t.add("anonymous memory", mb(anon), "6 MB")
		t.add("VmRSS", mb(rss), "14 MB")
		t.add(fmt.Sprintf("written to disk in %v", rest), fmt.Sprintf("%d bytes", after-before), "0 bytes")
		return errors.Join(err, err1, err2)
	})
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
