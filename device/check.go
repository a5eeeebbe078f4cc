package device

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"clipd/device/clock"
	"clipd/device/root"
	"clipd/store"
)

// ErrDifferent is returned by Check when the catalogue and the disk differ, or the catalogue with itself.
var ErrDifferent = errors.New("the catalogue and the recordings differ")

// How deep Check looks.
const (
	depthRows = "rows" // the catalogue alone
	depthStat = "stat" // and each file's size and mtime
	depthHash = "hash" // and each file's bytes
)

// checkPage is how many rows are compared between two looks at ctx.
const checkPage = 500

// checker compares the catalogue of a stopped box with the recordings.
type checker struct {
	store   *store.Store
	root    *root.Root
	depth   string
	w       io.Writer
	files   int
	bytes   int64
	differs int
	// spoilt is told of clips whose bytes are not those that were hashed; nil is a no-op.
	spoilt func(store.Known)
}

// Check verifies the catalogue of a stopped box (or of a copy) and tells w what it found. depth is "rows" (the catalogue
// alone), "stat" (and each file's size and mtime) or "hash" (and each file's bytes). ErrDifferent; store.ErrLocked while
// a box is running. Without repair it changes nothing.
func Check(ctx context.Context, cfg Config, depth string, repair bool, w io.Writer) error {
	if depth != depthRows && depth != depthStat && depth != depthHash {
		return fmt.Errorf("-depth %q: there are rows, stat and hash", depth)
	}
	err := check(ctx, cfg, depth, w)
	if !repair {
		return err
	}
	return mend(ctx, cfg, depth, err, w)
}

func check(ctx context.Context, cfg Config, depth string, w io.Writer) error {
	path := store.Path(cfg.State)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("check the catalogue: %w", err)
	}
	if err := store.VerifyInChild(ctx, path); err != nil {
		return fmt.Errorf("%w: %w", ErrDifferent, err)
	}
	s, err := store.OpenReadOnly(ctx, store.Options{Dir: cfg.State, BootID: clock.System().Boot})
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Fprintf(w, "%s: in order\n", path)
	k := &checker{store: s, root: root.New(cfg.Root, s, slog.New(slog.DiscardHandler)), depth: depth, w: w}
	return k.run(ctx, store.Unclean(cfg.State))
}

func (k *checker) run(ctx context.Context, unclean bool) error {
	if err := k.rows(unclean); err != nil {
		return err
	}
	if k.depth != depthRows {
		if k.store.RootID() == "" {
			return fmt.Errorf("%w: the catalogue is about no recordings folder yet", ErrDifferent)
		}
		if state := k.root.Look(ctx); !state.Present {
			return fmt.Errorf("%w: %s", ErrDifferent, state.Problem)
		}
		if err := k.all(ctx); err != nil {
			return err
		}
		fmt.Fprintf(k.w, "files: %d, %d bytes\n", k.files, k.bytes)
	}
	fmt.Fprintf(k.w, "%d differences\n", k.differs)
	if k.differs > 0 {
		return ErrDifferent
	}
	return nil
}

// rows tells what is in the catalogue and compares it with the journal and the pins.
func (k *checker) rows(unclean bool) error {
	t, err := k.store.Totals()
	if err != nil {
		return err
	}
	marked, err := k.store.Marked()
	if err != nil {
		return err
	}
	first, last := k.store.Journal()
	waiting, dead := k.store.PushCounts()
	fmt.Fprintf(k.w, "catalogue: %d clips, %d bytes, %d to be probed or hashed, %d being removed, %d partial, %d pushes waiting, %d given up; journal %d to %d\n",
		t.Clips, t.Bytes, t.Pending, len(marked), t.Partials, waiting, dead, first, last)
	if unclean {
		fmt.Fprintln(k.w, "the last run was not stopped cleanly; the next start ends what it had begun")
	}
	if err := k.store.PinsErr(); err != nil {
		k.differs++
		fmt.Fprintln(k.w, err)
	}
	return k.store.Unmatched(func(id store.ID, path, what string) { k.say(store.Known{ID: id, Path: path}, what) })
}

func (k *checker) all(ctx context.Context) error {
	for after := ""; ctx.Err() == nil; {
		page, err := k.store.PathsFrom(after, checkPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, known := range page {
			k.one(known)
		}
		after = page[len(page)-1].Path
	}
	return ctx.Err()
}

func (k *checker) one(known store.Known) {
	if _, _, err := k.store.Clip(known.ID); errors.Is(err, store.ErrNotFound) {
		return // being removed: its file may be there or not
	}
	k.files++
	f, fi, err := k.root.Open(known.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.say(known, "the file is gone")
		return
	case err != nil:
		k.say(known, err.Error())
		return
	}
	defer f.Close()
	k.bytes += fi.Size()
	if fi.Size() != known.Size || !fi.ModTime().Equal(known.Mtime) {
		k.say(known, "the file has changed")
	} else if k.depth == depthHash {
		k.sum(known, f)
	}
}

func (k *checker) sum(known store.Known, f io.Reader) {
	c, _, err := k.store.Clip(known.ID)
	if err != nil || !c.Hashed {
		return
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		k.say(known, err.Error())
	} else if [sha256.Size]byte(h.Sum(nil)) != c.SHA256 {
		k.say(known, "the bytes are not those that were hashed, though size and mtime are")
		if k.spoilt != nil {
			k.spoilt(known)
		}
	}
}

func (k *checker) say(known store.Known, what string) {
	k.differs++
	fmt.Fprintf(k.w, "%s %q: %s\n", known.ID, known.Path, what)
}
