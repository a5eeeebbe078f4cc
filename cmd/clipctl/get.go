package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func getCommand(o *options) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "get ID...",
		Short: "Fetch clips into this folder, verified; what was interrupted is resumed",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			b, err := o.box()
			if err != nil {
				return err
			}
			g := getter{box: b, dir: dir, json: o.json, out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()}
			ctx := cmd.Context()
			return forClips(ctx, ids, func(id string) error { return g.one(ctx, id) })
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", ".", "put the files into this `FOLDER`")
	return cmd
}

// getter fetches clips one after the other.
type getter struct {
	box      *box
	dir      string
	json     bool
	out, err io.Writer
}

func (g *getter) one(ctx context.Context, id string) error {
	c, err := g.box.clip(ctx, id)
	if err != nil {
		return err
	}
	shown := newBars(g.err)
	d := download{box: g.box, dir: g.dir, clip: c, bar: shown.add(fileName(c), c.Size), stall: stalled}
	s, err := d.run(ctx)
	d.bar.done()
	shown.done()
	if err != nil {
		return err
	}
	return g.print(s)
}

func (g *getter) print(s saved) error {
	if g.json {
		return json.NewEncoder(g.out).Encode(s)
	}
	_, err := fmt.Fprintf(g.out, "%s  %s  %s\n", s.File, size(s.Size), s.how())
	return err
}

func (s saved) how() string {
	verified := choose(s.Verified, "verified", "not verified: the box keeps no checksums")
	switch {
	case s.Already:
		return "already here, " + verified
	case s.Resumed > 0:
		return "resumed at " + size(s.Resumed) + ", " + verified
	}
	return verified
}
