package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"clipd/store"
)

// maxGone bounds how many missing files one walk remembers; more are left to the scan that follows.
const maxGone = 64 << 10

// emptyRoot is the problem of a root without files where the catalogue knows some.
const emptyRoot = "empty-root"

// comparison is pass one: the walk beside the catalogue.
type comparison struct {
	*scan
	ctx   context.Context
	known catalogued
	gone  []store.ID
}

// walk sees what is new or changed, so that it answers by id, and forgets what is gone. Nothing is forgotten before the
// walk has ended well.
func (s *scan) walk(ctx context.Context) error {
	if err := s.present(ctx); err != nil {
		return err
	}
	totals, err := s.Store.Totals()
	if err != nil {
		return err
	}
	s.begins(1, totals.Clips+totals.Pending)
	c := &comparison{scan: s, ctx: ctx, known: catalogued{store: s.Store}}
	w := &walker{Ingest: s.Ingest, visit: c.visit}
	if err := w.folder(ctx, "", 0); err != nil {
		return err
	}
	if err := c.skipTo("\xff"); err != nil {
		return err
	}
	if err := s.flush(ctx); err != nil {
		return err
	}
	if err := s.present(ctx); err != nil {
		return err
	}
	if w.entries == 0 && len(c.gone) > 0 {
		s.problem(emptyRoot, fmt.Sprintf("%s is empty, but the catalogue has %d files in it; nothing is forgotten. "+
			"Put the files back or mount the right disk; new recordings end this", s.Root.Dir(), len(c.gone)))
		return nil
	}
	s.problem(emptyRoot, "")
	if err := c.forget(); err != nil {
		return err
	}
	return s.clearPartials(ctx)
}

// visit compares one entry of a folder.
func (c *comparison) visit(folder string, entries []fs.DirEntry, i int) error {
	file := path.Join(folder, entries[i].Name())
	if !c.isMedia(file) || c.hasOwner(entries, i) {
		return nil
	}
	if err := c.skipTo(file); err != nil {
		return err
	}
	c.did()
	known, ok, err := c.known.peek()
	if err != nil {
		return err
	}
	if ok = ok && known.Path == file; ok {
		c.known.next()
	} else {
		known = store.Known{}
	}
	if mode := entries[i].Type(); mode != 0 {
		return c.irregular(file, mode)
	}
	info, err := c.Root.Stat(file)
	if err != nil {
		return c.missing(file, known, err)
	}
	return c.compare(file, info, known, sidecarsAmong(folder, entries, i))
}

// skipTo notes the catalogued files before path as missing.
func (c *comparison) skipTo(path string) error {
	for {
		k, ok, err := c.known.peek()
		if err != nil || !ok || k.Path >= path {
			return err
		}
		c.known.next()
		c.miss(k)
	}
}

func (c *comparison) miss(k store.Known) {
	if len(c.gone) == maxGone {
		c.again = true
		return
	}
	c.gone = append(c.gone, k.ID)
}

// compare sees a file that is new or changed, and attaches the sidecars that the catalogue does not have.
func (c *comparison) compare(file string, info fs.FileInfo, known store.Known, sidecars []string) error {
	same := !known.ID.IsZero() && known.Size == info.Size() && known.Mtime.Equal(info.ModTime())
	if !same && known.ID.IsZero() && c.staysPartial(file, info) {
		return nil
	}
	id := known.ID
	if !same {
		clip := c.seen(file, info)
		id = clip.ID
		if err := c.put(c.ctx, file, store.See(clip), seeBatch); err != nil {
			return err
		}
	}
	if len(sidecars) == 0 {
		return nil
	}
	if same {
		clip, _, err := c.Store.Clip(id)
		if err != nil || slices.Equal(clip.Sidecars, sidecars) {
			return nil
		}
	}
	return c.put(c.ctx, file, store.Attach(id, sidecars, posterAmong(sidecars)), seeBatch)
}

// missing takes an entry that could not be looked at.
func (c *comparison) missing(file string, known store.Known, err error) error {
	if reason := unopened(err); reason != "" {
		return c.partial(store.Partial{Path: file, Reason: reason})
	}
	if !known.ID.IsZero() && isGone(err) {
		c.miss(known)
	}
	return nil
}

func (c *comparison) irregular(file string, mode fs.FileMode) error {
	return c.partial(store.Partial{Path: file, Reason: irregular(mode)})
}

func (c *comparison) partial(p store.Partial) error {
	op, news := c.notePartial(p)
	if !news {
		return nil
	}
	return c.put(c.ctx, p.Path, op, seeBatch)
}

// forget forgets the missing files that are still missing. Between looking and committing the root is looked at again.
func (c *comparison) forget() error {
	for _, id := range c.gone {
		clip, _, err := c.Store.Clip(id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := c.Root.Stat(clip.Path); !isGone(err) {
			continue
		}
		c.add(clip.Path, store.Forget(id, "gone"))
		if len(c.ops) >= seeBatch {
			if err := c.flushPresent(); err != nil {
				return err
			}
		}
	}
	return c.flushPresent()
}

func (c *comparison) flushPresent() error {
	if err := c.present(c.ctx); err != nil {
		return err
	}
	return c.flush(c.ctx)
}

// clearPartials forgets partials whose files are gone.
func (s *scan) clearPartials(ctx context.Context) error {
	for after := ""; ; {
		partials, err := s.Store.Partials(after, pathsPage)
		if err != nil {
			return err
		}
		for _, p := range partials {
			after = p.Path
			if _, err := s.Root.Stat(p.Path); errors.Is(err, fs.ErrNotExist) || !s.isMedia(p.Path) {
				s.add(p.Path, store.ClearPartial(p.Path))
			}
		}
		if err := s.flush(ctx); err != nil || len(partials) < pathsPage {
			return err
		}
	}
}
