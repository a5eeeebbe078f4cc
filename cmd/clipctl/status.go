package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"clipd/device/api"
)

// errProblem makes status end with exit code 1 where the box states a problem.
var errProblem = errors.New("the box states a problem")

// boxStatus is what people read of /api/v1/status.
type boxStatus struct {
	api.State
	Version string `json:"version"`
	Box     string `json:"box"`
	Name    string `json:"name"`
	Broker  struct {
		URL       string `json:"url"`
		Connected bool   `json:"connected"`
	} `json:"broker"`
	TLS struct {
		URL string `json:"url"`
		Key string `json:"key"`
	} `json:"tls"`
}

func statusCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say how the box is doing; exit code 1 if it states a problem",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			boxes, err := o.boxes()
			if err != nil {
				return err
			}
			return inTurn(cmd.Context(), boxes, false, func(ctx context.Context, b *box) error {
				return o.status(ctx, b, cmd.OutOrStdout())
			})
		},
	}
}

func (o *options) status(ctx context.Context, b *box, w io.Writer) error {
	var raw json.RawMessage
	if err := b.read(ctx, "/api/v1/status", nil, &raw); err != nil {
		return fmt.Errorf("asking for the status: %w", err)
	}
	var s boxStatus
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("reading the status: %w", err)
	}
	if o.json {
		fmt.Fprintf(w, "%s\n", raw)
	} else {
		s.print(w)
	}
	if s.StorageProblem != "" || len(s.Problems) > 0 {
		return errProblem
	}
	return nil
}

func (s *boxStatus) print(w io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-10s %s\n", name, printable(fmt.Sprintf(format, args...)))
	}
	line("box", "%s (%s), clipd %s", s.Name, s.Box, s.Version)
	line("clips", "%d, %s; %s free", s.Clips, size(s.BytesUsed), size(s.BytesFree))
	if s.Clips > 0 {
		line("from", "%s", localTime(s.Oldest.Time))
		line("to", "%s", localTime(s.Newest.Time))
	}
	line("transfers", "%d", s.Transfers)
	line("broker", "%s, %s", s.Broker.URL, choose(s.Broker.Connected, "connected", "not connected"))
	if s.TLS.URL != "" {
		line("https", "%s, key %s", s.TLS.URL, s.TLS.Key)
	}
	line("clock", "%s", choose(s.ClockSynced, "trusted", "not trusted"))
	if s.Scanning {
		line("scanning", "yes")
	}
	for _, p := range s.Problems {
		line("problem", "%s", p)
	}
	if len(s.Problems) == 0 && s.StorageProblem != "" {
		line("problem", "%s", s.StorageProblem)
	}
}

func choose(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}
