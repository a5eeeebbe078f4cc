package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"clipd/device/root"
	"clipd/device/watch"
	"clipd/store"
)

// maxDepth bounds how deep folders are followed; each level holds its listing in memory.
const maxDepth = 64

// walker visits the files beneath the root in byte order of their paths.
type walker struct {
	*Ingest
	visit   func(folder string, entries []fs.DirEntry, i int) error
	entries int // met beneath the root, ignored names left out
}

func (w *walker) folder(ctx context.Context, folder string, depth int) error {
	entries, err := w.Root.ReadDir(folder)
	switch {
	case errors.Is(err, root.ErrAway):
		return err
	case err != nil && depth == 0:
		return fmt.Errorf("walk the recordings folder: %w", err)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		w.Log.Warn("folder left out of the scan", "path", folder, "error", err)
		return nil
	}
	for i, e := range entries {
		if watch.Ignored(e.Name()) {
			continue
		}
		if err := w.gate.pass(ctx); err != nil {
			return err
		}
		w.entries++
		if err := w.entry(ctx, folder, entries, i, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) entry(ctx context.Context, folder string, entries []fs.DirEntry, i, depth int) error {
	if !entries[i].IsDir() {
		return w.visit(folder, entries, i)
	}
	below := path.Join(folder, entries[i].Name())
	if depth == maxDepth {
		w.Log.Warn("folder left out of the scan: too deep", "path", below, "levels", maxDepth)
		return nil
	}
	return w.folder(ctx, below, depth+1)
}

// catalogued reads the catalogue's files in byte order of their paths, a page at a time.
type catalogued struct {
	store *store.Store
	page  []store.Known
	after string
	end   bool
}

const pathsPage = 500

// peek returns the next file; ok is false at the end.
func (c *catalogued) peek() (k store.Known, ok bool, err error) {
	if len(c.page) == 0 && !c.end {
		if c.page, err = c.store.PathsFrom(c.after, pathsPage); err != nil {
			return k, false, fmt.Errorf("read the catalogue: %w", err)
		}
		c.end = len(c.page) < pathsPage
	}
	if len(c.page) == 0 {
		return k, false, nil
	}
	return c.page[0], true, nil
}

func (c *catalogued) next() {
	c.after = c.page[0].Path
	c.page = c.page[1:]
}
