package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// eachClip calls do for every id, also after one that fails, unless the box is gone.
func (o *options) eachClip(ctx context.Context, ids []string, do func(b *box, id string) error) error {
	b, err := o.box()
	if err != nil {
		return err
	}
	return forClips(ctx, ids, func(id string) error { return do(b, id) })
}

// forClips does do for every clip and goes on after one that fails, unless the box is gone.
func forClips(ctx context.Context, ids []string, do func(id string) error) error {
	var errs []error
	for _, id := range ids {
		err := do(id)
		if err == nil {
			continue
		}
		errs = append(errs, fmt.Errorf("clip %s: %w", id, err))
		if ctx.Err() != nil || exitCode(err) == exitUnreachable {
			break
		}
	}
	return errors.Join(errs...)
}

func clipRoute(id, what string) string { return "/api/v1/clips/" + url.PathEscape(id) + what }

// done tells that something was done to a clip.
func (o *options) done(w io.Writer, id, what string) error {
	if o.json {
		return json.NewEncoder(w).Encode(map[string]string{"id": id, "done": what})
	}
	_, err := fmt.Fprintf(w, "%s  %s\n", id, what)
	return err
}

func pinCommand(o *options) *cobra.Command {
	return changeCommand(o, "pin ID...", "Keep clips from being deleted to make room", http.MethodPut, "/pin", "pinned")
}

func unpinCommand(o *options) *cobra.Command {
	return changeCommand(o, "unpin ID...", "Let clips be deleted again to make room", http.MethodDelete, "/pin", "unpinned")
}

func changeCommand(o *options, use, short, method, route, what string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return o.eachClip(cmd.Context(), ids, func(b *box, id string) error {
				if err := b.send(cmd.Context(), method, clipRoute(id, route), nil, nil); err != nil {
					return err
				}
				return o.done(cmd.OutOrStdout(), id, what)
			})
		},
	}
}

func rmCommand(o *options) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm ID...",
		Short: "Delete clips from the box; asks first",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return o.eachClip(cmd.Context(), ids, func(b *box, id string) error {
				c, err := b.clip(cmd.Context(), id)
				if err != nil {
					return err
				}
				if err := confirm(cmd, yes, fmt.Sprintf("Delete %s of %s, %s, for good?", c.Path, localTime(c.Start.Time), size(c.Size))); err != nil {
					return err
				}
				if err := b.send(cmd.Context(), http.MethodDelete, clipRoute(id, ""), nil, nil); err != nil {
					return err
				}
				return o.done(cmd.OutOrStdout(), id, "deleted")
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// errNotConfirmed is a question that was not answered with yes.
var errNotConfirmed = errors.New("not done: it was not confirmed")

// confirm asks a question where somebody can answer it; scripts say --yes.
func confirm(cmd *cobra.Command, yes bool, question string) error {
	if yes {
		return nil
	}
	if f, ok := cmd.InOrStdin().(*os.File); ok && !term.IsTerminal(int(f.Fd())) {
		return usageError("nobody can be asked here; say --yes. The question was: " + printable(question))
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", printable(question))
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && line == "" {
		return errNotConfirmed
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return errNotConfirmed
	}
	return nil
}

func linkCommand(o *options) *cobra.Command {
	var ttl string
	cmd := &cobra.Command{
		Use:   "link ID...",
		Short: "Make links that open clips without a token until they expire",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return o.eachClip(cmd.Context(), ids, func(b *box, id string) error {
				var say any
				if ttl != "" {
					say = map[string]string{"ttl": ttl}
				}
				var answer json.RawMessage
				if err := b.send(cmd.Context(), http.MethodPost, clipRoute(id, "/link"), say, &answer); err != nil {
					return err
				}
				return o.printLink(cmd.OutOrStdout(), answer)
			})
		},
	}
	cmd.Flags().StringVar(&ttl, "ttl", "", "how long they are good for: 30m, 1h, 7d (the box's own default)")
	return cmd
}

func (o *options) printLink(w io.Writer, answer json.RawMessage) error {
	var link struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(answer, &link); err != nil {
		return fmt.Errorf("reading the link: %w", err)
	}
	if o.json {
		_, err := fmt.Fprintf(w, "%s\n", answer)
		return err
	}
	_, err := fmt.Fprintln(w, printable(link.URL))
	return err
}

func pushCommand(o *options) *cobra.Command {
	var target, to string
	cmd := &cobra.Command{
		Use:   "push ID...",
		Short: "Have the box send clips to a target it knows, or to a URL it allows",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			if (target == "") == (to == "") {
				return usageError("say where to: --target NAME or --to URL")
			}
			if to != "" && len(ids) > 1 {
				return usageError("--to is one URL, so it takes one clip")
			}
			say := map[string]string{"target": target}
			if to != "" {
				say = map[string]string{"url": to}
			}
			return o.eachClip(cmd.Context(), ids, func(b *box, id string) error {
				if err := b.send(cmd.Context(), http.MethodPost, clipRoute(id, "/push"), say, nil); err != nil {
					return err
				}
				return o.done(cmd.OutOrStdout(), id, "will be pushed")
			})
		},
	}
	cmd.Flags().StringVar(&target, "target", "", "`NAME` of a [target] of the box's configuration")
	cmd.Flags().StringVar(&to, "to", "", "`URL` that takes a PUT; push.allow on the box must match it")
	return cmd
}
