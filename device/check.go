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

// ErrDifferent is returned by Check when the catalogue and the disk differ.
var ErrDifferent = errors.New("the catalogue and the recordings differ")

// checkPage is how many rows are compared between two looks at ctx.
const checkPage = 500

// checker compares the catalogue of a stopped box with the recordings.
type checker struct {
	store   *store.Store
	root    *root.Root
	hash    bool
	w       io.Writer
	files   int
	bytes   int64
	differs int
}

// Check verifies the catalogue of a stopped box (or of a copy) and tells w what it found. depth is "rows" (the catalogue
// alone), "stat" (and each file's size and mtime) or "hash" (and each file's bytes). ErrDifferent; store.ErrLocked while
// a box is running. It changes nothing in a catalogue that is in order.
func Check(ctx context.Context, cfg Config, depth string, w io.Writer) error {
	if depth != "rows" && depth != "stat" && depth != "hash" {
		return fmt.Errorf("-depth %q: there are rows, stat and hash", depth)
	}
	path := store.Path(cfg.State)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("check the catalogue: %w", err)
	}
	if err := store.VerifyInChild(ctx, path); err != nil {
		return fmt.Errorf("%w: %w", ErrDifferent, err)
	}
	fmt.Fprintf(w, "%s: in order\n", path)
	if depth == "rows" {
		return nil
	}
	return checkFiles(ctx, cfg, depth == "hash", w)
}

func checkFiles(ctx context.Context, cfg Config, hash bool, w io.Writer) error {
	log := slog.New(slog.DiscardHandler)
	c := clock.System()
	s, _, err := store.Open(ctx, store.Options{Dir: cfg.State, Now: c.Now, Synced: c.Synced, BootID: c.Boot, Log: log})
	if err != nil {
		return err
	}
	defer s.Close()
	r := root.New(cfg.Root, s, log)
	if state := r.Look(ctx); !state.Present {
		return fmt.Errorf("%w: %s", ErrDifferent, state.Problem)
	}
	k := &checker{store: s, root: r, hash: hash, w: w}
	if err := k.all(ctx); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d files, %d bytes, %d differences\n", k.files, k.bytes, k.differs)
	if k.differs > 0 {
		return ErrDifferent
	}
	return nil
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
	} else if k.hash {
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
	}
}

func (k *checker) say(known store.Known, what string) {
	k.differs++
	fmt.Fprintf(k.w, "%s %q: %s\n", known.ID, known.Path, what)
}
