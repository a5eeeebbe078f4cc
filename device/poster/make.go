package poster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"clipd/device/probe"
	"clipd/device/root"
	"clipd/store"
)

const jpegType = "image/jpeg"

// Reasons not to make a poster now that are nobody's fault: the clip is asked for again, or gone.
var errNotNow = errors.New("not now")

// make makes the poster of clip id, if it still wants one. It returns only failures of the catalogue and of ctx.
func (m *Maker) make(ctx context.Context, id store.ID) error {
	c, stage, err := m.Store.Clip(id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case stage != store.StageListed || !m.wants(&c):
		return nil
	}
	if m.cache.has(id) { // the catalogue is another one, the clip is the same
		return m.note(ctx, id, true)
	}
	release, err := m.Lane(ctx)
	if err != nil {
		return err
	}
	defer release()
	return m.finish(ctx, &c, m.draw(ctx, &c))
}

// finish keeps the picture that was drawn for c, or remembers that it could not be.
func (m *Maker) finish(ctx context.Context, c *store.Clip, err error) error {
	n := int64(0)
	if err == nil {
		n, err = m.check()
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errNotNow):
		return nil
	case err != nil:
		m.remember(c, err)
		return nil
	}
	m.tries.inRow = 0
	m.Problem("")
	if err := m.makeRoom(ctx, n); err != nil {
		return err
	}
	if err := m.cache.keep(c.ID, n); err != nil {
		m.Log.Error("a poster could not be kept", "clip", c.ID, "error", err)
		return nil
	}
	return m.note(ctx, c.ID, true)
}

// draw leaves a picture of c in the unfinished file.
func (m *Maker) draw(ctx context.Context, c *store.Clip) error {
	if free, err := m.cache.free(); err != nil || free < m.bounds.spare {
		return errNotNow
	}
	f, err := m.open(c)
	if err != nil {
		return err
	}
	defer f.Close()
	if c.MediaType == jpegType {
		if err := m.thumbnail(f, c.Size); err == nil || len(m.Command) == 0 {
			return err
		}
	}
	return m.run(ctx, f)
}

// open opens the recording of c, if it is still the one in the catalogue.
func (m *Maker) open(c *store.Clip) (*os.File, error) {
	f, fi, err := m.Root.Open(c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, root.ErrAway):
		return nil, errNotNow
	case err != nil:
		return nil, err
	case fi.Size() != c.Size || !fi.ModTime().Equal(c.Mtime):
		f.Close()
		return nil, errNotNow
	}
	return f, nil
}

// check accepts the unfinished picture, on disk, and returns its size in bytes.
func (m *Maker) check() (int64, error) {
	// What the command left under that name may be a link to anywhere: os.Root follows none out of the folder.
	// Nor does opening a pipe wait for a writer.
	f, err := m.Dir.OpenFile(unfinished, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, fmt.Errorf("no picture was made: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return 0, err
	case !fi.Mode().IsRegular() || fi.Size() == 0 || fi.Size() > m.bounds.picture:
		return 0, fmt.Errorf("what was made is no file of 1 to %d bytes but %s of %d", m.bounds.picture, fi.Mode().Type(), fi.Size())
	}
	info, err := probe.File(f, fi.Size())
	if err != nil || info.MediaType != jpegType || !info.Complete || info.Width == 0 {
		return 0, fmt.Errorf("what was made is no JPEG picture: %s %v", info.Container, err)
	}
	return fi.Size(), f.Sync()
}

// thumbnail leaves the embedded thumbnail of the JPEG f in the unfinished file. One that must be turned first is left to
// the command.
func (m *Maker) thumbnail(f *os.File, size int64) error {
	info, err := probe.File(f, size)
	switch {
	case err != nil:
		return fmt.Errorf("look for a thumbnail: %w", err)
	case info.ThumbLength == 0 || info.Rotation != 0 && len(m.Command) > 0:
		return errors.New("there is no embedded thumbnail")
	}
	out, err := m.Dir.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(f, info.ThumbOffset, info.ThumbLength))
	return errors.Join(err, out.Close())
}

// note tells the catalogue that a poster came or went. A clip that went meanwhile has none.
func (m *Maker) note(ctx context.Context, id store.ID, made bool) error {
	err := m.Store.Apply(ctx, store.HavePoster(id, made))
	if errors.Is(err, store.ErrNotFound) {
		return m.cache.drop(id)
	}
	m.Made()
	return err
}

// drop removes the poster of clip id, which is gone.
func (m *Maker) drop(ctx context.Context, id store.ID) error {
	if !m.cache.has(id) {
		return nil
	}
	if err := m.cache.drop(id); err != nil {
		m.Log.Error("a poster could not be removed", "clip", id, "error", err)
	}
	return ctx.Err()
}

// makeRoom removes the posters that were made first until one of n bytes fits.
func (m *Maker) makeRoom(ctx context.Context, n int64) error {
	for range m.cache.fits(n, m.bounds.cache) {
		id := m.cache.first()
		if err := m.note(ctx, id, false); err != nil {
			return err
		}
		if err := m.drop(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// prune removes posters whose clips are gone.
func (m *Maker) prune(ctx context.Context) error {
	for _, id := range m.cache.ids() {
		_, _, err := m.Store.Clip(id)
		if errors.Is(err, store.ErrNotFound) {
			err = m.drop(ctx, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
