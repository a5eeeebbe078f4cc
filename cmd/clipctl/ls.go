package main

import (
	"encoding/json"
	"fmt"
	"io"
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
	oldest           bool
	flags            *pflag.FlagSet
}

func (f *filter) register(flags *pflag.FlagSet) {
	f.flags = flags
	flags.StringVar(&f.camera, "camera", "", "only clips of this camera")
	flags.StringVar(&f.from, "from", "", "only clips that start at this `TIME` or later: 2026-11-22, \"2026-11-22 07:55\", RFC 3339, or 2h, 7d for so long ago")
	flags.StringVar(&f.to, "to", "", "only clips that start before this `TIME`")
	flags.BoolVar(&f.pinned, "pinned", false, "only pinned clips; =false: only others")
	flags.BoolVar(&f.complete, "complete", false, "only clips whose recorder ended them; =false: only those cut off")
	flags.BoolVar(&f.oldest, "oldest", false, "oldest first")
}

// query is the filter as the box understands it.
func (f *filter) query(now time.Time) (url.Values, error) {
	q := url.Values{}
	if f.camera != "" {
		q.Set("camera", f.camera)
	}
	for name, value := range map[string]string{"from": f.from, "to": f.to} {
		if value == "" {
			continue
		}
		t, err := parseTime(value, now)
		if err != nil {
			return nil, usageError("--" + name + ": " + err.Error())
		}
		q.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
	for name, value := range map[string]bool{"pinned": f.pinned, "complete": f.complete} {
		if f.flags.Changed(name) {
			q.Set(name, strconv.FormatBool(value))
		}
	}
	if f.oldest {
		q.Set("order", "oldest")
	}
	return q, nil
}

func lsCommand(o *options) *cobra.Command {
	var f filter
	var limit int
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List clips, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := o.box()
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
			print := printRow
			if o.json {
				print = printJSON
			}
			for c, err := range b.clips(cmd.Context(), q, limit) {
				if err != nil {
					return fmt.Errorf("listing clips: %w", err)
				}
				if err := print(cmd.OutOrStdout(), c); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().IntVarP(&limit, "limit", "n", 100, "at most this many; 0 is all")
	return cmd
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
