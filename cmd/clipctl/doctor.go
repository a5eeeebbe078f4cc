package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// A finding is what one check found. A fix that is not "" is what to do about it.
type finding struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"`
}

// errUnhealthy makes doctor end with exit code 1.
var errUnhealthy = errors.New("something is wrong; the lines above say what to do")

func doctorCommand(o *options) *cobra.Command {
	var f brokerFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the box and the way to it, and say how to mend what is wrong",
		Long: `doctor looks at the way to the box, the token, the root and its marker, the disk, the recorder, the clock, the broker,
the address that announcements carry, and fetches the beginning of a clip. With --broker it also tries that broker from
here. It changes nothing. Exit code 1 if anything is wrong.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			boxes, err := o.boxes()
			if err != nil {
				return err
			}
			return inTurn(cmd.Context(), boxes, false, func(ctx context.Context, b *box) error {
				d := &doctor{box: b, broker: f, now: time.Now, tell: func(x finding) error { return x.print(cmd.OutOrStdout(), o.json) }}
				return d.run(ctx)
			})
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (x finding) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(x)
	}
	_, err := fmt.Fprintf(w, "%-4s %-12s %s\n", choose(x.OK, "ok", "BAD"), x.Check, printable(x.Found))
	if err == nil && x.Fix != "" {
		_, err = fmt.Fprintf(w, "     %-12s -> %s\n", "", printable(x.Fix))
	}
	return err
}

// doctor checks one box.
type doctor struct {
	box    *box
	broker brokerFlags
	now    func() time.Time
	tell   func(finding) error

	status doctorStatus
}

// doctorStatus is what the checks read of /api/v1/status. A box of another version may not say all of it.
type doctorStatus struct {
	boxStatus
	URL     string `json:"url"`
	Partial int    `json:"partial"`
	Broker  struct {
		URL       string `json:"url"`
		Connected bool   `json:"connected"`
		Waiting   uint64 `json:"waiting"`
		Error     string `json:"error"`
	} `json:"broker"`
	Scan struct {
		Done  int `json:"done"`
		Total int `json:"total"`
	} `json:"scan"`
}

// run does the checks in order; without a way to the box or a token the others tell nothing.
func (d *doctor) run(ctx context.Context) error {
	bad := false
	for _, check := range []func(context.Context) []finding{d.way, d.credentials} {
		for _, x := range check(ctx) {
			if err := d.tell(x); err != nil {
				return err
			}
			bad = bad || !x.OK
		}
		if bad {
			return errUnhealthy
		}
	}
	for _, check := range []func(context.Context) []finding{d.root, d.disk, d.recorder, d.clock, d.announcer, d.links, d.bytes, d.fromHere, d.others} {
		for _, x := range check(ctx) {
			if err := d.tell(x); err != nil {
				return err
			}
			bad = bad || !x.OK
		}
	}
	if bad {
		return errUnhealthy
	}
	return ctx.Err()
}
