package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// usage is what a server holds at one moment.
type usage struct {
	anonymous int64 // bytes
	files     int
}

// endurance keeps clipd under mixed load for ten minutes: whole clips, slow clients, small ranges, clients that read
// nothing and clients that vanish. It compares what the box holds before and after; before, each load was there once.
func endurance(ctx context.Context, b *bench) (_ []table, err error) {
	if err := moreFiles(); err != nil {
		return nil, err
	}
	s := site{dir: filepath.Join(b.dir, "endurance"), size: 50_000_000}
	if err := os.MkdirAll(s.dir, 0o777); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "clip.mp4"), b.sample.padded(int(s.size)), 0o666); err != nil {
		return nil, err
	}
	sv, err := startClipd(ctx, b, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sv.stop()) }()
	if _, err := mixedLoad(ctx, sv, 10*time.Second, s.size); err != nil {
		return nil, err
	}
	before, err := sv.rested(ctx)
	if err != nil {
		return nil, err
	}
	span := time.Duration(b.pick(600, 30)) * time.Second
	did, err := mixedLoad(ctx, sv, span, s.size)
	if err != nil {
		return nil, err
	}
	after, err := sv.rested(ctx)
	if err != nil {
		return nil, err
	}
	t := table{Title: fmt.Sprintf("%v of mixed load", span)}
	for kind, w := range did {
		t.add(kinds[kind], fmt.Sprintf("%d times, %s", w.times.Load(), mb(w.bytes.Load())), "")
	}
	t.add("anonymous memory, before / after", mb(before.anonymous)+" / "+mb(after.anonymous), "the same")
	t.add("open files, before / after", fmt.Sprintf("%d / %d", before.files, after.files), "the same")
	return []table{t}, nil
}

// work is what the clients of one kind got done.
type work struct{ times, bytes atomic.Int64 }

// kinds are what clients do, each of them the same all the time.
var kinds = [...]string{"whole clips", "slow, and gone in the middle", "50 ranges on one connection", "asked and read nothing", "said nothing"}

// mixedLoad is 200 clients for span, each doing one thing after the other. A kind that got nothing done is an error.
func mixedLoad(ctx context.Context, s *server, span time.Duration, size int64) (did [len(kinds)]*work, err error) {
	ctx, stop := context.WithTimeout(ctx, span)
	defer stop()
	for kind := range did {
		did[kind] = &work{}
	}
	err = each(ctx, s, 200, 64<<10, func(i int, c *client) error {
		c.close() // each thing has a connection of its own
		w := did[i%len(did)]
		for ctx.Err() == nil {
			n, err := s.oneThing(ctx, i, size)
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", kinds[i%len(did)], err)
			}
			w.times.Add(1)
			w.bytes.Add(n)
		}
		return nil
	})
	for kind, w := range did {
		if silent := kind >= 3; w.times.Load() == 0 || !silent && w.bytes.Load() == 0 {
			err = errors.Join(err, fmt.Errorf("%s: nothing of it was done in %v", kinds[kind], span))
		}
	}
	return did, err
}

// oneThing is what one client does on one connection. It returns how many bytes of bodies it took.
func (s *server) oneThing(ctx context.Context, i int, size int64) (moved int64, err error) {
	c, err := dial(context.WithoutCancel(ctx), s, 64<<10)
	if err != nil {
		return 0, err
	}
	defer c.close()
	brief, stop := context.WithTimeout(ctx, time.Duration(1+rand.IntN(9))*time.Second)
	defer stop()
	switch i % len(kinds) {
	case 0:
		_, moved, err = c.fetch(ctx, 0, 0, 0)
	case 1:
		_, moved, err = c.fetch(brief, 0, 0, 50e3)
	case 2:
		for range 50 {
			at := rand.Int64N(size - rangeBytes)
			_, n, err := c.fetch(ctx, at, at+rangeBytes-1, 1e6)
			if moved += n; err != nil {
				return moved, err
			}
		}
	case 3:
		err = c.send(0, 0)
		<-brief.Done()
		if _, noAnswer := c.header(); err == nil {
			err = noAnswer
		}
	case 4:
		<-brief.Done()
	}
	return moved, err
}

// rested is what the server holds when nobody is served and it has been left alone for long enough to give memory back: the
// least it held in that time, since rested memory only falls.
func (s *server) rested(ctx context.Context) (usage, error) {
	var last usage
	since := time.Now()
	err := wait(ctx, func() (bool, error) {
		n, err := anonymous(s.pids[0])
		if now := s.files(); now != last.files {
			last, since = usage{n, now}, time.Now()
		}
		last.anonymous = min(last.anonymous, n)
		return time.Since(since) > 70*time.Second, err
	})
	return last, err
}
