package device

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"clipd/device/root"
	"clipd/store"
)

// remover deletes clips so that a crash anywhere is finished at the next start (invariant 4 of design.md):
// mark, unlink, fsync the folder, forget.
type remover struct {
	root  *root.Root
	store *store.Store
}

// remove deletes the clip's file and its sidecars; also is committed together with the mark, after which nothing but
// a failing disk keeps the removal from being finished. store.ErrNotFound, root.ErrAway. It blocks until all is on disk.
func (r remover) remove(ctx context.Context, id store.ID, reason string, also ...store.Op) error {
	if s := r.root.State(); !s.Present || !s.Writable {
		return fmt.Errorf("remove clip %s: %w", id, root.ErrAway)
	}
	c, _, err := r.store.Clip(id)
	if err != nil {
		return err
	}
	if err := r.store.Apply(ctx, append([]store.Op{store.Mark(id, reason)}, also...)...); err != nil {
		return fmt.Errorf("mark clip %s for removal: %w", id, err)
	}
	return r.finish(ctx, c, reason)
}

// finish ends a removal that has been marked.
func (r remover) finish(ctx context.Context, c store.Clip, reason string) error {
	if err := r.unlink(c); err != nil {
		return err
	}
	if err := r.store.Apply(ctx, store.Forget(c.ID, reason)); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("forget clip %s: %w", c.ID, err)
	}
	return nil
}

// unlink deletes the clip's own file only while it is the one in the catalogue: a recorder may have put another there.
func (r remover) unlink(c store.Clip) error {
	switch fi, err := r.root.Stat(c.Path); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, root.ErrNotRegular):
		return nil
	case err != nil:
		return fmt.Errorf("look at clip %s: %w", c.ID, err)
	case fi.Size() != c.Size || !fi.ModTime().Equal(c.Mtime):
		return nil
	}
	// The clip goes last: as long as it is there, a start after a crash knows that something is left to do.
	for _, p := range append(slices.Clone(c.Sidecars), c.Path) {
		if err := r.root.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove clip %s: %w", c.ID, err)
		}
	}
	return nil
}

// resume ends the removals that a crash interrupted. Those of a root that is away wait for it.
func (r remover) resume(ctx context.Context) error {
	if s := r.root.State(); !s.Present || !s.Writable {
		return nil
	}
	marked, err := r.store.Marked()
	if err != nil {
		return fmt.Errorf("read the removals begun: %w", err)
	}
	for _, c := range marked {
		if err := r.finish(ctx, c, ""); err != nil { // for the reason that the mark has
			return err
		}
	}
	r.removeFolders(marked)
	return nil
}
