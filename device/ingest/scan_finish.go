package ingest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"clipd/store"
)

// probe is pass two: what is in the files that were seen. Without hashing they are listed here.
func (s *scan) probe(ctx context.Context) error {
	totals, err := s.Store.Totals()
	if err != nil {
		return err
	}
	s.begins(2, totals.Pending)
	return s.pending(ctx, store.StageSeen, probeBatch, func(c store.Clip) error {
		return s.open(ctx, c, func(f *os.File, info fs.FileInfo) error { return s.probeFile(ctx, c, f, info) })
	})
}

// hash is pass three: the sums of the files that were probed, which lists them. Without hashing it lists what an earlier
// run, with hashing, has left.
func (s *scan) hash(ctx context.Context) error {
	totals, err := s.Store.Totals()
	if err != nil {
		return err
	}
	s.begins(3, totals.Pending)
	since := time.Now()
	return s.pending(ctx, store.StageProbed, hashBatch, func(c store.Clip) error {
		if len(s.ops) == 0 {
			since = time.Now()
		}
		err := s.open(ctx, c, func(f *os.File, _ fs.FileInfo) error { return s.hashFile(ctx, c, f) })
		if err == nil && time.Since(since) >= hashTime {
			err = s.flush(ctx)
		}
		return err
	})
}

// open calls do with c's file if that is still what the row says, and else brings the row up to date.
func (s *scan) open(ctx context.Context, c store.Clip, do func(*os.File, fs.FileInfo) error) error {
	f, info, err := s.Root.Open(c.Path)
	if err != nil {
		return s.unopened(ctx, c, err)
	}
	defer f.Close()
	if info.Size() != c.Size || !info.ModTime().Equal(c.Mtime) {
		return s.changed(ctx, c, info)
	}
	return do(f, info)
}

func (s *scan) probeFile(ctx context.Context, c store.Clip, f *os.File, info fs.FileInfo) error {
	found := s.look(f, info, c.Path, s.quietFor(info))
	switch found.verdict {
	case written:
		return s.unusable(ctx, c, stillWritten)
	case unusable:
		return s.unusable(ctx, c, found.reason)
	case unsure:
		s.handOver(c, info, found.wait)
		return nil
	}
	found.clip.Sidecars, found.clip.Poster = c.Sidecars, c.Poster
	if !s.Hash {
		s.listed++
		return s.put(ctx, c.Path, store.Add(found.clip, store.Scan), seeBatch)
	}
	return s.put(ctx, c.Path, store.Probed(found.clip), probeBatch)
}

func (s *scan) hashFile(ctx context.Context, c store.Clip, f *os.File) error {
	if w, err := writersOf(f); err == nil && w == hasWriter {
		return s.unusable(ctx, c, stillWritten)
	}
	var err error
	if s.Hash {
		err = s.hasher.clip(ctx, f, &c)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errChanged):
		s.again = true
		return nil
	case err != nil:
		return s.unusable(ctx, c, unreadable+err.Error())
	}
	s.listed++
	return s.put(ctx, c.Path, store.Add(c, store.Scan), hashBatch)
}

// handOver gives a file that must be quiet for a while to the live worker. If that has no room, the next scan has it.
func (s *scan) handOver(c store.Clip, info fs.FileInfo, wait time.Duration) {
	r := recheck{path: c.Path, origin: store.Scan}
	r.wait(info, wait)
	select {
	case s.recheck <- r:
	default:
		s.again = true
	}
}

// unusable makes a pending clip a partial.
func (s *scan) unusable(ctx context.Context, c store.Clip, reason string) error {
	if op, news := s.notePartial(store.Partial{Path: c.Path, Size: c.Size, Mtime: c.Mtime, Reason: reason}); news {
		s.add(c.Path, op)
	}
	return s.put(ctx, c.Path, store.Forget(c.ID, reason), probeBatch)
}

// unopened takes a pending clip whose file cannot be opened.
func (s *scan) unopened(ctx context.Context, c store.Clip, err error) error {
	if away := s.present(ctx); away != nil {
		return away
	}
	if reason := unopened(err); reason != "" {
		return s.unusable(ctx, c, reason)
	}
	return s.put(ctx, c.Path, store.Forget(c.ID, "gone"), probeBatch)
}

// changed takes a pending clip whose file is another by now. The watcher tells of its close; if it did so already, the
// row that the live worker made is newer than this.
func (s *scan) changed(ctx context.Context, c store.Clip, info fs.FileInfo) error {
	s.again = true
	return s.put(ctx, c.Path, store.See(s.seen(c.Path, info)), probeBatch)
}
