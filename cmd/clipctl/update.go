package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"clipd/device/api"
)

const (
	// provesWithin is how long a box has to say how an update went: a minute on trial, three starts, and the way back.
	provesWithin = 5 * time.Minute
	asksFirst    = 5 * time.Second // for the word to go on, before a bundle is sent
)

// updatePause lies between two looks at a box that starts anew. Tests are less patient.
var updatePause = time.Second

// errRolledBack is an update that did not hold.
var errRolledBack = errors.New("rolled back")

// outcome is how an update went.
type outcome struct {
	Box     string `json:"box"`
	From    string `json:"from"`
	Version string `json:"version"` // of the bundle
	Running string `json:"running"`
	Outcome string `json:"outcome"` // healthy or rolled-back
	Reason  string `json:"reason,omitempty"`
}

func updateCommand(o *options) *cobra.Command {
	var downgrade bool
	cmd := &cobra.Command{
		Use:   "update FILE",
		Short: "Bring a new version to a box that was flashed with the card image",
		Long: `The file is a signed bundle, which "make bundle" makes. The box verifies it, starts the version in it, and goes back to the
one before if that is not ready and healthy within a minute. update waits for how it went and says so; it ends with 1 where
the bundle was refused or the version rolled back. On Debian and Raspberry Pi OS, apt is the update.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := o.box()
			if err != nil {
				return err
			}
			return o.update(cmd.Context(), b, args[0], downgrade, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&downgrade, "downgrade", false, "take also a version older than the one that runs")
	return cmd
}

func (o *options) update(ctx context.Context, b *box, file string, downgrade bool, stdout, stderr io.Writer) error {
	sent, err := o.sendBundle(ctx, b, file, downgrade, stdout)
	if err != nil {
		return fmt.Errorf("updating: %w", err)
	}
	if !o.json {
		fmt.Fprintf(stderr, "clipctl: %s runs %s and starts %s\n", b.base.Host, printable(sent.From), printable(sent.Version))
	}
	done, err := b.updated(ctx, sent)
	if err != nil {
		return fmt.Errorf("%s was sent, and how it went is not known: %w", printable(sent.Version), err)
	}
	if o.json {
		err = json.NewEncoder(stdout).Encode(done)
	} else {
		_, err = fmt.Fprintln(stdout, printable(done.text()))
	}
	if err == nil && done.Outcome != "healthy" {
		err = errRolledBack
	}
	return err
}

func (d outcome) text() string {
	if d.Reason == "" {
		return fmt.Sprintf("%s: %s -> %s, healthy", d.Box, d.From, d.Running)
	}
	return fmt.Sprintf("%s: %s was rolled back: %s; %s runs", d.Box, d.Version, d.Reason, d.Running)
}

// sendBundle sends the file as it is read. The box may refuse it before it is sent.
func (o *options) sendBundle(ctx context.Context, b *box, file string, downgrade bool, out io.Writer) (sent api.Update, err error) {
	f, err := os.Open(file)
	if err != nil {
		return sent, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return sent, err
	}
	if o.json {
		out = io.Discard
	}
	bars := newBars(out)
	bar := bars.add(filepath.Base(file), info.Size())
	defer bars.done()
	defer bar.done()
	b.client.Transport.(*http.Transport).ExpectContinueTimeout = asksFirst
	query := url.Values{}
	if downgrade {
		query.Set("downgrade", "true")
	}
	header := http.Header{"Content-Type": {"application/octet-stream"}, "Expect": {"100-continue"}}
	resp, err := b.do(ctx, http.MethodPost, "/api/v1/update", query, header, &counted{f, bar})
	if err != nil {
		return sent, err
	}
	defer resp.Body.Close()
	return sent, json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&sent)
}

// counted moves a bar on.
type counted struct {
	io.Reader
	bar *bar
}

// Read is io.Reader's.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bar.add(n)
	return n, err
}

// updated asks until the box says how the update went. It is out of reach for a while.
func (b *box) updated(ctx context.Context, sent api.Update) (outcome, error) {
	limit := newPatience(provesWithin)
	for {
		var s api.Status
		err := b.read(ctx, "/api/v1/status", nil, &s)
		if err != nil && !isPassing(err) {
			return outcome{}, err
		}
		if done := judged(s, sent); err == nil && done.Outcome != "" {
			return done, nil
		}
		if err == nil {
			err = errors.New("the box has not said so in time")
		}
		if limit.over() || !limit.sleep(ctx, updatePause) {
			return outcome{}, errors.Join(ctx.Err(), err)
		}
	}
}

// judged is the outcome that a status tells; none while the new version is on trial or not there yet.
func judged(s api.Status, sent api.Update) outcome {
	done := outcome{Box: s.Name, From: sent.From, Version: sent.Version}
	switch u := s.Update; {
	case u == nil || u.Trial:
	case u.Failed != nil && u.Failed.Version == sent.Version:
		done.Running, done.Outcome, done.Reason = u.Running, "rolled-back", u.Failed.Reason
	case u.Running == sent.Version:
		done.Running, done.Outcome = u.Running, "healthy"
	}
	return done
}
