package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"clipd/device/clock"
	"clipd/device/ingest"
	"clipd/device/root"
	"clipd/store"
)

// repairPage is how many rows of the journal are told at once.
const repairPage = 500

// repair is one mending of a stopped box.
type repair struct {
	cfg   Config
	depth string
	w     io.Writer
	store *store.Store
	root  *root.Root
	did   int
}

// mend mends what the first look found on a stopped box, as far as it can be mended, tells w what it did, and looks again:
// its result is that of the second look. A damaged catalogue is set aside and rebuilt; removals that were begun are ended;
// the catalogue is made equal to the recordings, which are the truth and of which none is touched; pins that cannot be
// read are put together from what is left of them and the catalogue's.
func mend(ctx context.Context, cfg Config, depth string, first error, w io.Writer) error {
	switch {
	case first == nil && !store.Unclean(cfg.State):
		fmt.Fprintln(w, "repair: there is nothing to mend")
		return nil
	case first != nil && !errors.Is(first, ErrDifferent):
		return first
	case first != nil:
		fmt.Fprintln(w, first)
	}
	r := &repair{cfg: cfg, depth: depth, w: w}
	if err := r.run(ctx); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	fmt.Fprintf(w, "repair: %d changes; looking again\n", r.did)
	return check(ctx, cfg, depth, w)
}

// run opens the catalogue for writing and mends.
func (r *repair) run(ctx context.Context) (err error) {
	c := clock.System()
	s, opened, err := store.Open(ctx, store.Options{
		Dir: r.cfg.State, Now: c.Now, Synced: c.Synced, BootID: c.Boot, Verify: store.VerifyInChild, Suspect: true,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r.store = s
	r.sayOpened(opened)
	pins, err := s.SalvagePins()
	if err != nil {
		return err
	}
	if pins > 0 {
		r.say("the pins were damaged and are written anew: %d clips", pins)
	}
	if r.depth == depthRows && !opened.Created {
		return nil
	}
	_, before := s.Journal()
	return errors.Join(r.files(ctx, c), r.tell(before))
}

func (r *repair) sayOpened(o store.Opened) {
	switch {
	case o.SetAside != "":
		r.say("the catalogue is kept as %s (%s) and rebuilt", o.SetAside, o.Reason)
	case o.Unclean:
		r.say("the catalogue of an unclean stop was verified and is closed cleanly now")
	}
}

// files makes the catalogue equal to the recordings.
func (r *repair) files(ctx context.Context, c clock.Clock) error {
	log := slog.New(slog.DiscardHandler)
	r.root = root.New(r.cfg.Root, r.store, log)
	if state := r.root.Look(ctx); !state.Present {
		return fmt.Errorf("%w: %s", root.ErrAway, state.Problem)
	}
	if err := (remover{r.root, r.store}).resume(ctx); err != nil {
		return err
	}
	if r.depth == depthHash {
		if err := r.dropSpoilt(ctx); err != nil {
			return err
		}
	}
	return r.scan(ctx, ingest.Config{
		Root: r.root, Store: r.store, Clock: c, Location: r.cfg.location(), Cameras: r.cfg.cameras(),
		Hash: r.cfg.Hash != "none", Pictures: r.cfg.Pictures, Log: log,
	})
}

// dropSpoilt forgets clips whose bytes have changed behind the file system's back; the scan lists them as they are now.
func (r *repair) dropSpoilt(ctx context.Context) error {
	var spoilt []store.Op
	k := &checker{store: r.store, root: r.root, depth: depthHash, w: io.Discard}
	k.spoilt = func(f store.Known) {
		spoilt = append(spoilt, store.Forget(f.ID, "its bytes are not those that were hashed"))
	}
	if err := k.all(ctx); err != nil {
		return err
	}
	return r.store.Apply(ctx, spoilt...)
}

// scan compares the recordings with the catalogue once.
func (r *repair) scan(ctx context.Context, cfg ingest.Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cfg.Calm = cancel
	return ingest.New(cfg).Run(ctx)
}

// tell says what came to be written into the journal.
func (r *repair) tell(after uint64) error {
	for {
		events, _, err := r.store.Events(after, repairPage)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, e := range events {
			after = e.Seq
			r.did++
			fmt.Fprintf(r.w, "repair: %s %s %q %s\n", e.Type, e.Clip.ID, e.Clip.Path, e.Reason)
		}
	}
}

func (r *repair) say(format string, args ...any) {
	r.did++
	fmt.Fprintf(r.w, "repair: "+format+"\n", args...)
}
