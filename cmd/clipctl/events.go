package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"sync"

	"github.com/spf13/cobra"

	"clipd/device/api"
)

func eventsCommand(o *options) *cobra.Command {
	var follow bool
	var after uint64
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Tell what happened on the box; with -f as it happens",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			boxes, err := o.boxes()
			if err != nil {
				return err
			}
			t := &teller{out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), json: o.json, after: after, begin: cmd.Flags().Changed("after") || !follow}
			return inTurn(cmd.Context(), boxes, follow, func(ctx context.Context, b *box) error {
				if follow {
					return t.follow(ctx, b)
				}
				_, err := t.past(ctx, b, after)
				return err
			})
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "stay, and tell each event as it happens; without --after only new ones")
	cmd.Flags().Uint64Var(&after, "after", 0, "only events after this `SEQ`")
	return cmd
}

// inTurn calls do for each box, at once where do stays.
func inTurn(ctx context.Context, boxes []*box, stays bool, do func(context.Context, *box) error) error {
	errs := make([]error, len(boxes))
	var all sync.WaitGroup
	for i, b := range boxes {
		one := func() {
			if errs[i] = do(ctx, b); errs[i] != nil && len(boxes) > 1 {
				errs[i] = fmt.Errorf("%s: %w", b.name, errs[i])
			}
		}
		if stays {
			all.Go(one)
			continue
		}
		one()
	}
	all.Wait()
	return errors.Join(errs...)
}

// teller prints events. Safe for concurrent use.
type teller struct {
	out, err io.Writer
	json     bool
	after    uint64
	begin    bool // after was asked for

	mu sync.Mutex
}

// past prints what is in the journal after seq, and returns the last.
func (t *teller) past(ctx context.Context, b *box, seq uint64) (uint64, error) {
	for {
		q := url.Values{"after": {strconv.FormatUint(seq, 10)}, "limit": {"1000"}}
		var page journalPage
		if err := b.read(ctx, "/api/v1/events", q, &page); err != nil {
			return seq, fmt.Errorf("reading the journal: %w", err)
		}
		if len(page.Events) == 0 {
			return seq, nil
		}
		for _, e := range page.Events {
			if err := t.tell(e); err != nil {
				return seq, err
			}
		}
		seq = page.Next
	}
}

// follow prints what happens until ctx is done; when the box goes it waits until the box is back, and misses nothing.
func (t *teller) follow(ctx context.Context, b *box) error {
	seq, err := t.start(ctx, b)
	if err != nil {
		return err
	}
	p, wait := newPatience(0), retrying()
	for {
		err := b.follow(ctx, seq, func(e api.Event) error {
			wait.next, seq = 0, e.Seq
			return t.tell(e)
		})
		if ctx.Err() != nil {
			return nil // that is how -f ends
		}
		if !isPassing(err) {
			return err
		}
		fmt.Fprintln(t.err, "clipctl:", err, "- trying again")
		if !p.sleep(ctx, wait.pause()) {
			return nil
		}
	}
}

// start is the seq to follow from.
func (t *teller) start(ctx context.Context, b *box) (uint64, error) {
	if t.begin {
		return t.after, nil
	}
	var s struct {
		Journal [2]uint64 `json:"journal"`
	}
	if err := b.read(ctx, "/api/v1/status", nil, &s); err != nil {
		return 0, fmt.Errorf("asking for the status: %w", err)
	}
	return s.Journal[1], nil
}

func (t *teller) tell(e api.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.json {
		return json.NewEncoder(t.out).Encode(e)
	}
	about := e.Reason
	if e.Clip != nil {
		about = fmt.Sprintf("%s  %s  %s", e.ID, e.Path, e.Reason)
	}
	_, err := fmt.Fprintf(t.out, "%d  %s  %s  %-14s  %s\n", e.Seq, localTime(e.Time.Time), printable(e.BoxName), e.EventType, printable(about))
	return err
}
