package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
)

// pullFlags are what people say about a pull.
type pullFlags struct {
	filter         filter
	follow         bool
	again, anew    bool
	newest, oldest bool
	quiet, noFsync bool
	parallel       int
	rate, maxSize  string
	timeout        time.Duration
	layout, ack    string
	broker         brokerFlags
	maxSizeAsked   limitSize
	bytesPerSecond int64
}

func pullCommand(o *options) *cobra.Command {
	var f pullFlags
	cmd := &cobra.Command{
		Use:   "pull DIR",
		Short: "Fetch every clip that DIR does not have yet, verified; with -f stay and fetch each as it is announced",
		Long:  pullHelp,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return f.run(cmd, o, args[0])
		},
	}
	f.register(cmd)
	return cmd
}

const pullHelp = `pull brings every clip that DIR does not have yet into DIR. A file has its name only when it is whole, its SHA-256 is
right and it is on disk; its time is the clip's. What is interrupted, by the box, the network or SIGKILL, goes on at the
byte where it ended the next time.

DIR/.clipctl/ledger remembers what was pulled: a clip that is deleted in DIR stays deleted, unless --again is said. If
the ledger is gone although DIR once had one, nothing is pulled: the disk is probably not mounted. --new begins anew.
Files that are there already and have the clip's content are recognised, not fetched.

A clip that the box deletes before it could be fetched is told on standard error and is no failure.

Exit codes:
  0  DIR has every clip that was asked for
  1  something failed, or was interrupted; the message says what
  2  the command line is wrong
  3  the box could not be reached for --timeout; the next run goes on
  4  the box refuses the token, or the token may not do this (--ack needs an operator's)
  6  the disk is full, or DIR has reached --max-size
  7  another clipctl is pulling into DIR now

For cron, every ten minutes, silent unless something is wrong:

  */10 * * * * clipctl pull --quiet --url http://192.168.1.20:8470 --token-file $HOME/.clipctl-token /volume1/clips || [ $? -eq 7 ]

(There % must not be used, and a run that is still busy is no fault: 7.)`

func (f *pullFlags) register(cmd *cobra.Command) {
	p := cmd.Flags()
	f.filter.register(p)
	p.BoolVarP(&f.follow, "follow", "f", false, "stay, and pull every clip as it is announced")
	p.BoolVar(&f.again, "again", false, "also what was pulled before and is no longer in DIR as it was")
	p.BoolVar(&f.anew, "new", false, "DIR is to begin anew although it once had a ledger")
	p.BoolVar(&f.newest, "newest", false, "newest first")
	p.BoolVar(&f.oldest, "oldest", false, "oldest first, as the box would delete them (the default)")
	p.BoolVarP(&f.quiet, "quiet", "q", false, "say nothing unless something fails")
	p.BoolVar(&f.noFsync, "no-fsync", false, "do not wait until each file is on disk: faster, but a power cut here may cost clips that the ledger has")
	p.IntVarP(&f.parallel, "parallel", "P", 4, "fetch so many clips at once")
	p.StringVar(&f.rate, "rate", "", "at most so many bytes a second in all: 500kB, 2MB")
	p.StringVar(&f.maxSize, "max-size", "", "stop before DIR holds more than this: 500GB; or before its disk is this full: 90%")
	p.DurationVar(&f.timeout, "timeout", 2*time.Minute, "give up when the box has not answered for so long; with -f never unless said")
	p.StringVar(&f.layout, "layout", string(defaultLayout), "where in DIR a clip goes: {box} {box_name} {camera} {date} {name} {id}, or the box's own {path}; the id is added to a name that is taken")
	p.StringVar(&f.ack, "ack", "", "acknowledge each clip to the box as consumer `NAME` when it is verified and on disk")
	f.broker.register(p)
}

// check refuses what contradicts itself before anything is opened.
func (f *pullFlags) check() (err error) {
	if f.parallel < 1 || f.parallel > 64 {
		return usageError("--parallel is 1 to 64")
	}
	if f.newest && f.oldest {
		return usageError("--newest and --oldest exclude each other")
	}
	if f.broker.url != "" && !f.follow {
		return usageError("--broker tells of clips as they are announced: it needs -f")
	}
	if f.bytesPerSecond, err = parseSize(f.rate); err != nil {
		return usageError("--rate: " + err.Error())
	}
	if f.maxSizeAsked, err = parseLimit(f.maxSize); err != nil {
		return usageError("--max-size: " + err.Error())
	}
	return layout(f.layout).check()
}

func (f *pullFlags) run(cmd *cobra.Command, o *options, dir string) error {
	boxes, err := f.boxes(o)
	if err != nil {
		return err
	}
	query, err := f.filter.query(time.Now())
	if err != nil {
		return err
	}
	if f.newest {
		query.Del("order")
	} else {
		query.Set("order", "oldest")
	}
	d, err := openFolder(dir, f.anew)
	if err != nil {
		return err
	}
	p := f.puller(cmd, o, d)
	p.query = query
	err = p.ready()
	if err == nil {
		err = f.pull(cmd.Context(), p, boxes)
	}
	return errors.Join(err, d.close())
}

// boxes are those to ask over HTTP. With a broker there may be none.
func (f *pullFlags) boxes(o *options) ([]*box, error) {
	if f.broker.url != "" && !o.named() {
		return nil, nil
	}
	return o.boxes()
}

func (f *pullFlags) puller(cmd *cobra.Command, o *options, d *folder) *puller {
	limit := f.timeout
	if f.follow && !cmd.Flags().Changed("timeout") {
		limit = 0
	}
	return &puller{
		dir: d, layout: layout(f.layout), again: f.again, ack: f.ack, flush: !f.noFsync, relist: f.newest || f.again,
		parallel: f.parallel, brake: newBrake(f.bytesPerSecond), ceiling: &ceiling{dir: d, limit: f.maxSizeAsked},
		patience: newPatience(limit), filter: &f.filter,
		report: newReport(cmd.OutOrStdout(), cmd.ErrOrStderr(), o.json, f.quiet),
	}
}

func (f *pullFlags) pull(ctx context.Context, p *puller, boxes []*box) error {
	var sources []*source
	for _, b := range boxes {
		sources = append(sources, &source{puller: p, box: b})
	}
	feed := func(ctx context.Context) error { return each(ctx, sources, (*source).catchUp) }
	switch {
	case f.broker.url != "":
		m := &messages{puller: p, broker: f.broker, sources: sources}
		feed = m.follow
	case f.follow:
		feed = func(ctx context.Context) error { return together(ctx, sources, (*source).follow) }
	}
	err := p.run(ctx, feed)
	if f.follow && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // that is how -f ends
	}
	return err
}
