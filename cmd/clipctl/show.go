package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"clipd/device/api"
)

func showCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID...",
		Short: "Tell everything about clips",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return o.eachClip(cmd.Context(), ids, func(b *box, id string) error {
				c, err := b.clip(cmd.Context(), id)
				if err != nil {
					return err
				}
				if o.json {
					return printJSON(cmd.OutOrStdout(), c)
				}
				return printClip(cmd.OutOrStdout(), c)
			})
		},
	}
}

func printClip(w io.Writer, c api.Clip) (err error) {
	line := func(name, value string) {
		if value != "" && err == nil {
			_, err = fmt.Fprintf(w, "%-10s %s\n", name, printable(value))
		}
	}
	line("id", c.ID)
	line("camera", c.Camera)
	line("path", c.Path)
	line("start", localTime(c.Start.Time)+choose(c.StartSource != "", " (from "+c.StartSource+")", ""))
	line("duration", lasting(c.Duration))
	line("size", fmt.Sprintf("%s (%d bytes)", size(c.Size), c.Size))
	line("sha256", c.SHA256)
	line("type", c.MediaType)
	if c.Width > 0 {
		line("picture", fmt.Sprintf("%d x %d, %s", c.Width, c.Height, c.VideoCodec))
	}
	line("sound", c.AudioCodec)
	line("complete", choose(c.Complete, "yes", "no, cut off"))
	line("pinned", choose(c.Pinned, "yes", "no"))
	line("pushed", choose(c.Pushed, "yes", "no"))
	line("url", c.URL)
	line("poster", c.PosterURL)
	return err
}
