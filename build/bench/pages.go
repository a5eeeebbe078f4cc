package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// pages measures listings of a catalogue of a million clips. The catalogue is written by the store itself, without
// files: it is about another root, so the box lists what it knows and forgets nothing.
func pages(ctx context.Context, b *bench) (_ []table, err error) {
	dir, n := filepath.Join(b.dir, "pages"), b.pick(1_000_000, 50_000)
	if err := catalogue(ctx, filepath.Join(dir, "state"), n); err != nil {
		return nil, err
	}
	x, err := b.startBox(ctx, dir, "none", "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	one, err := x.pageTimes(ctx, n)
	if err != nil {
		return nil, err
	}
	all, err := x.walk(ctx, n)
	return []table{one, all}, err
}

// catalogue holds n clips of a minute each from four cameras. One of 50 was cut off, 100 are pinned.
func catalogue(ctx context.Context, dir string, n int) error {
	s, _, err := store.Open(ctx, store.Options{
		Dir: dir, Now: time.Now, Synced: func() bool { return true }, BootID: "bench", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	err = s.SetRootID(ctx, "another")
	begin := time.Now().Add(-time.Duration(n) * 15 * time.Second).Truncate(time.Second)
	for i := 0; i < n && err == nil; {
		var ops []store.Op
		for ; len(ops) < 1000 && i < n; i++ {
			c := invented(i, begin.Add(time.Duration(i)*15*time.Second))
			ops = append(ops, store.Add(c, store.Scan))
			if i%max(n/100, 1) == 0 {
				ops = append(ops, store.Pin(c.ID, true))
			}
		}
		err = s.Apply(ctx, ops...)
	}
	return errors.Join(err, s.Close())
}

func invented(i int, start time.Time) store.Clip {
	c := store.Clip{
		Camera: fmt.Sprintf("cam%d", i%4+1), Size: 10_000_000, Mtime: start.Add(time.Minute), MediaType: "video/mp4",
		Start: start, StartSource: "name", Duration: time.Minute, Width: 1920, Height: 1080, VideoCodec: "h264",
		AudioCodec: "aac", Complete: i%50 != 0, Hashed: true, CRC32: uint32(i), ClockSynced: true,
	}
	c.Path = recorded(c.Camera, start)
	c.ID = store.MakeID(c.Path, c.Size, c.Mtime)
	return c
}

// pageTimes asks for one page in every way there is.
func (x *box) pageTimes(ctx context.Context, n int) (t table, err error) {
	t.Title = fmt.Sprintf("A page of 100 clips out of %d, with HTTP and JSON", n)
	middle := time.Now().Add(-time.Duration(n) * 15 / 2 * time.Second).UTC()
	from, to := url.QueryEscape(middle.Format(time.RFC3339)), url.QueryEscape(middle.Add(24*time.Hour).Format(time.RFC3339))
	for _, q := range []string{"", "camera=cam2", "order=oldest", "from=" + from + "&to=" + to,
		"camera=cam3&order=oldest&from=" + from, "pinned=true", "pinned=false", "complete=false", "camera=cam1&complete=false",
		"pushed=true", "pushed=false"} {
		var took times
		for range 50 {
			began := time.Now()
			code, err := x.get(ctx, "/api/v1/clips?"+q, nil)
			if took = append(took, time.Since(began)); err != nil || code != http.StatusOK {
				return t, fmt.Errorf("page %q: status %d, %w", q, code, err)
			}
		}
		what, err := url.QueryUnescape(q)
		if err != nil {
			return t, err
		}
		if what == "" {
			what = "newest"
		}
		t.add(what+", median / slowest", ms(took.quantile(0.5))+" / "+ms(took.quantile(1)), "5 ms")
	}
	return t, nil
}

// walk lists everything, 1000 clips a page.
func (x *box) walk(ctx context.Context, n int) (t table, err error) {
	t.Title = fmt.Sprintf("Listing all %d clips page by page", n)
	before, err := anonymous(x.pid)
	if err != nil {
		return t, err
	}
	began, most, seen := time.Now(), peak(x.pid), 0
	for next := ""; ; {
		var page struct {
			Clips []api.Clip `json:"clips"`
			Next  string     `json:"next"`
		}
		code, err := x.get(ctx, "/api/v1/clips?limit=1000&cursor="+url.QueryEscape(next), &page)
		if err != nil || code != http.StatusOK {
			return t, fmt.Errorf("page after %q: status %d, %w", next, code, err)
		}
		seen += len(page.Clips)
		if next = page.Next; next == "" {
			break
		}
	}
	t.add("clips listed", fmt.Sprint(seen), fmt.Sprint(n))
	t.add("clips per second", fmt.Sprintf("%.0f", float64(seen)/time.Since(began).Seconds()), "")
	t.add("anonymous memory before / at most", mb(before)+" / "+mb(most()), "flat")
	return t, nil
}
