package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func adoptCommand(o *options) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "adopt",
		Short: "Have the box take the disk that is in it now for its own; asks first",
		Long: `The root carries a marker, so that clips are neither written to nor deleted from a disk that is not the box's. After a
disk was replaced or formatted on purpose, adopt makes the one that is there now the box's own.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := o.box()
			if err != nil {
				return err
			}
			if err := confirm(cmd, yes, "Clips that are not on the disk in "+b.base.Host+" now are forgotten. Adopt it?"); err != nil {
				return err
			}
			if err := b.send(cmd.Context(), http.MethodPost, "/api/v1/root/adopt", nil, nil); err != nil {
				return fmt.Errorf("adopting the disk: %w", err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "adopted; the box looks through the disk now")
			return err
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
