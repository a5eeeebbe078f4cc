package device

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"clipd/device/ingest"
	"clipd/device/retain"
	"clipd/device/root"
	"clipd/store"
)

// folderQuiet is how old the youngest clip of a folder must have been for the emptied folder to go: a recorder that still
// writes there may have looked for it, and not opened its next file yet.
const folderQuiet = time.Hour

// expire deletes clips that go by a rule, a few with one commit for each step of a removal and one fsync for each folder.
// A clip that was pinned or removed since it was chosen is left out. gone counts those that are deleted.
func (r remover) expire(ctx context.Context, clips []retain.Doomed) (gone int, err error) {
	if s := r.root.State(); !s.Present || !s.Writable {
		return 0, root.ErrAway
	}
	clips, err = r.present(clips)
	if err != nil || len(clips) == 0 {
		return 0, err
	}
	marks := make([]store.Op, len(clips))
	for i := range clips {
		marks[i] = store.Expire(clips[i].ID, clips[i].Reason)
	}
	if err := onlyLeftOut(r.store.Apply(ctx, marks...)); err != nil {
		return 0, fmt.Errorf("mark clips for removal: %w", err)
	}
	marked, err := r.store.Marked()
	if err != nil {
		return 0, err
	}
	clips = slices.DeleteFunc(clips, func(d retain.Doomed) bool {
		return !slices.ContainsFunc(marked, func(c store.Clip) bool { return c.ID == d.ID })
	})
	return r.finishAll(ctx, clips)
}

// present leaves out the clips whose file is not what it was: ingest follows what a recorder has removed or written anew.
func (r remover) present(clips []retain.Doomed) (there []retain.Doomed, err error) {
	for _, c := range clips {
		fi, err := r.root.Stat(c.Path)
		switch {
		case errors.Is(err, root.ErrAway):
			return nil, err
		case err == nil && fi.Size() == c.Size && fi.ModTime().Equal(c.Mtime):
			there = append(there, c)
		}
	}
	return there, nil
}

// onlyLeftOut is err without what it says of clips that are pinned or gone by now.
func onlyLeftOut(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var left []error
		for _, e := range joined.Unwrap() {
			left = append(left, onlyLeftOut(e))
		}
		return errors.Join(left...)
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrPinned) {
		return nil
	}
	return err
}

// finishAll unlinks and forgets clips that are marked. One that has changed, or cannot be unlinked, is what it was again.
func (r remover) finishAll(ctx context.Context, clips []retain.Doomed) (gone int, err error) {
	there, err := r.present(clips)
	if err != nil {
		return 0, err
	}
	var files []string
	for i := range there {
		files = append(append(files, there[i].Sidecars...), there[i].Path)
	}
	failed := r.root.Unlink(files...)
	if errors.Is(failed, root.ErrAway) {
		return 0, failed // they stay marked until the root is back
	}
	ops := make([]store.Op, 0, len(clips))
	for i := range clips {
		if _, err := r.root.Stat(clips[i].Path); errors.Is(err, fs.ErrNotExist) {
			ops = append(ops, store.Forget(clips[i].ID, ""))
			gone++
		} else {
			ops = append(ops, store.Unmark(clips[i].ID))
		}
	}
	if err := onlyLeftOut(r.store.Apply(ctx, ops...)); err != nil {
		return 0, fmt.Errorf("forget removed clips: %w", err)
	}
	r.removeFolders(clipsOf(there))
	return gone, failed
}

func clipsOf(doomed []retain.Doomed) []store.Clip {
	clips := make([]store.Clip, len(doomed))
	for i := range doomed {
		clips[i] = doomed[i].Clip
	}
	return clips
}

// removeFolders removes the folders that clips have left empty, and those above that have become empty with them. The root
// and a camera's own folder stay, since a recorder that is quiet for long may not make it again; so does one in which a
// clip was written a moment ago.
func (r remover) removeFolders(clips []store.Clip) {
	youngest := map[string]time.Time{}
	for i := range clips {
		dir := path.Dir(clips[i].Path)
		if clips[i].Mtime.After(youngest[dir]) {
			youngest[dir] = clips[i].Mtime
		}
	}
	for dir, at := range youngest {
		if time.Since(at) < folderQuiet {
			continue
		}
		for mayGo(dir) {
			if removed, err := r.root.RemoveFolder(dir); err != nil || !removed {
				break // what is left of it does no harm
			}
			dir = path.Dir(dir)
		}
	}
}

// mayGo reports whether an empty folder may be removed.
func mayGo(dir string) bool {
	return dir != "." && (strings.Contains(dir, "/") || ingest.IsDate(dir))
}

// expirePartial deletes a partial file if it is still the one that is known and nobody writes it.
func (r remover) expirePartial(ctx context.Context, p store.Partial) (bool, error) {
	if err := r.store.PinsErr(); err != nil {
		return false, err
	}
	f, fi, err := r.root.Open(p.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, root.ErrNotRegular) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if fi.Size() != p.Size || !fi.ModTime().Equal(p.Mtime) || ingest.Written(f, time.Since(fi.ModTime())) {
		return false, nil
	}
	if err := r.root.Unlink(p.Path); err != nil {
		return false, err
	}
	err = r.store.Apply(ctx, store.ClearPartial(p.Path))
	r.removeFolders([]store.Clip{{Path: p.Path, Mtime: p.Mtime}})
	return true, err
}
