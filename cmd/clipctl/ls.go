package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clipd/device/api"
)

// filter is which clips a listing is about.
type filter struct {
	camera, from, to string
	pinned, complete bool
	flags            *pflag.FlagSet

	since, until time.Time // from and to as query understood them
}

func (f *filter) register(flags *pflag.FlagSet) {
	f.flags = flags
	flags.StringVar(&f.camera, "camera", "", "only clips of this camera")
	flags.StringVar(&f.from, "from", "", "only clips that start at this `TIME` or later: 2026-11-22, \"2026-11-22 07:55\", RFC 3339, or 2h, 7d for so long ago")
	flags.StringVar(&f.to, "to", "", "only clips that start before this `TIME`")
	flags.BoolVar(&f.pinned, "pinned", false, "only pinned clips; =false: only others")
	flags.BoolVar(&f.complete, "complete", false, "only clips whose recorder ended them; =false: only those cut off")
}

// query is the filter as the box understands it.
func (f *filter) query(now time.Time) (url.Values, error) {
	q := url.Values{}
	if f.camera != "" {
		q.Set("camera", f.camera)
	}
	for _, end := range []struct {
		name, value string
		t           *time.Time
	}{{"from", f.from, &f.since}, {"to", f.to, &f.until}} {
		if end.value == "" {
			continue
		}
		t, err := parseTime(end.value, now)
		if err != nil {
			return nil, usageError("--" + end.name + ": " + err.Error())
		}
		*end.t = t
		q.Set(end.name, t.UTC().Format(time.RFC3339Nano))
	}
	for name, value := range map[string]bool{"pinned": f.pinned, "complete": f.complete} {
		if f.flags.Changed(name) {
			q.Set(name, strconv.FormatBool(value))
		}
	}
	return q, nil
}

// timed tells whether the filter is about times.
func (f *filter) timed() bool { return f.from != "" || f.to != "" }

// matches decides as the box does in a listing; query must have been called.
func (f *filter) matches(c api.Clip) bool {
	switch {
	case f.camera != "" && c.Camera != f.camera:
	case !f.since.IsZero() && c.Start.Before(f.since):
	case !f.until.IsZero() && !c.Start.Before(f.until):
	case f.flags.Changed("pinned") && c.Pinned != f.pinned:
	case f.flags.Changed("complete") && c.Complete != f.complete:
	default:
		return true
	}
	return false
}

func lsCommand(o *options) *cobra.Command {
	var f filter
	var limit int
	var oldest bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List clips, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			boxes, err := o.boxes()
			if err != nil {
				return err
			}
			if limit < 0 {
				return usageError("--limit is a number of clips; 0 is all")
			}
			q, err := f.query(time.Now())
			if err != nil {
				return err
			}
			if oldest {
				q.Set("order", "oldest")
			}
			return inTurn(cmd.Context(), boxes, false, func(ctx context.Context, b *box) error {
				return o.list(ctx, b, maps.Clone(q), limit, cmd.OutOrStdout())
			})
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().BoolVar(&oldest, "oldest", false, "oldest first")
	cmd.Flags().IntVarP(&limit, "limit", "n", 100, "at most this many; 0 is all")
	return cmd
}

func (o *options) list(ctx context.Context, b *box, q url.Values, limit int, w io.Writer) error {
	print := printRow
	if o.json {
		print = printJSON
	}
	if o.all && !o.json {
		fmt.Fprintf(w, "%s:\n", b.name)
	}
	for c, err := range b.clips(ctx, q, limit) {
		if err != nil {
			return fmt.Errorf("listing clips: %w", err)
		}
		if err := print(w, c); err != nil {
			return err
		}
	}
	return nil
}

func printJSON(w io.Writer, c api.Clip) error { return json.NewEncoder(w).Encode(c) }

// printRow has columns of fixed width: a listing is printed as it arrives.
func printRow(w io.Writer, c api.Clip) error {
	_, err := fmt.Fprintf(w, "%s  %s  %8s  %9s  %-12s  %s%s\n", c.ID, localTime(c.Start.Time), lasting(c.Duration),
		size(c.Size), printable(c.Camera), printable(c.Path), marks(c))
	return err
}

func marks(c api.Clip) (s string) {
	if c.Pinned {
		s += "  pinned"
	}
	if !c.Complete {
		s += "  cut off"
	}
	return s
}
