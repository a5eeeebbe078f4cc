package ingest

import (
	"context"
	"fmt"
	"time"

	"clipd/device/lane"
	"clipd/device/root"
	"clipd/store"
)

// How much a scan commits at once.
const (
	seeBatch   = 500 // rows of pass one, and of a pass two that lists
	probeBatch = 500
	hashBatch  = 256
	hashTime   = time.Second // what a hash pass may hold back
)

// scan is one comparison of the root with the catalogue, in three passes, newest files first in the last two.
type scan struct {
	*Ingest
	batch
	hasher hasher
	turn   *lane.Turn // in the lane, from pass two on
	again  bool       // something changed under the scan: another must follow
	listed int
}

// scan compares everything beneath the root with the catalogue. An error means that it was broken off; what it found
// until then is committed, and rows that are pending stay so.
func (in *Ingest) scan(ctx context.Context, reason string) error {
	s := &scan{Ingest: in, batch: batch{in: in}}
	s.hasher = hasher{forget: true, pause: s.pause}
	defer func() { s.turn.Leave() }()
	began := time.Now()
	in.Log.Info("scan begins", "reason", reason)
	in.commits.begin()
	defer in.commits.end()
	defer in.setProgress(Progress{})
	defer in.calm()
	for pass, run := range []func(context.Context) error{s.walk, s.enter, s.probe, s.hash} {
		if err := run(ctx); err != nil {
			return fmt.Errorf("scan, step %d of 4: %w", pass+1, err)
		}
	}
	if s.again || s.void {
		in.retry()
	} else if err := in.Store.Apply(ctx, store.DropSalvaged()); err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	in.whole.Store(true)
	in.Log.Info("scan ended", "listed", s.listed, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// enter waits for the lane. The walk does without: it is short, and until it has ended no id answers and nothing is deleted.
func (s *scan) enter(ctx context.Context) (err error) {
	s.turn, err = s.Lane.Enter(ctx)
	return err
}

// pause blocks while there is live work or the disk is needed by others.
func (s *scan) pause(ctx context.Context) error {
	if err := s.gate.pass(ctx); err != nil {
		return err
	}
	return s.turn.Yield(ctx)
}

// calm gives back what the long walk took.
func (in *Ingest) calm() {
	in.Store.Trim()
	if in.Calm != nil {
		in.Calm()
	}
}

func (in *Ingest) setProgress(p Progress) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.progress = p
}

// begins starts counting a pass over total files.
func (in *Ingest) begins(pass, total int) {
	in.setProgress(Progress{Scanning: true, Pass: pass, Total: total})
}

func (in *Ingest) did() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.progress.Done++
}

// put adds an op about path, and commits when enough have come together.
func (s *scan) put(ctx context.Context, path string, op store.Op, most int) error {
	s.add(path, op)
	if len(s.ops) < most {
		return nil
	}
	return s.flush(ctx)
}

// present is an error unless the right root is there now.
func (s *scan) present(ctx context.Context) error {
	if state := s.Root.Look(ctx); !state.Present {
		return fmt.Errorf("%w: %s", root.ErrAway, state.Problem)
	}
	return nil
}

// pending calls each for every clip at stage, newest first. each blocks on nothing but its file and commits.
func (s *scan) pending(ctx context.Context, stage store.Stage, page int, each func(store.Clip) error) error {
	var before store.ID
	for {
		clips, err := s.Store.Pending(stage, before, page)
		if err != nil {
			return err
		}
		for _, c := range clips {
			if err := s.pause(ctx); err != nil {
				return err
			}
			if err := each(c); err != nil {
				return err
			}
			s.did()
			before = c.ID
		}
		if len(clips) < page {
			return s.flush(ctx)
		}
	}
}
