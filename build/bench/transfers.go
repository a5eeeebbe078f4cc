package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A trial is one load that contenders go through, and what is printed of it.
type trial struct {
	title  string
	do     load
	values []string                                               // printed, with their formats
	only   []string                                               // contenders; empty: all
	config string                                                 // added to clipd's
	goals  func(t *table, median func(who, value string) float64) // compares, one row each
}

// boxMemory is the memory cgroup in which clipd goes through every load, in bytes. One kill in it fails the run.
const boxMemory = 32 << 20

// trials are the loads of the comparison.
var trials = []trial{
	{title: "(a) 30 connections, a 300 MB clip each, as fast as it goes", do: asFastAsItGoes,
		values: []string{"MB/s", "%.0f MB/s", "s", "%.2f s a clip", "first ms", "first byte %.1f ms"},
		goals: func(t *table, m func(who, value string) float64) {
			t.add("throughput, clipd / nginx", ratio(m(ours, "MB/s"), m("nginx", "MB/s")), "at least 1.0")
			t.add("throughput, clipd / http.ServeContent", ratio(m(ours, "MB/s"), m(content, "MB/s")), "at least 1.0")
			t.add("time a clip, clipd / nginx", ratio(m(ours, "s"), m("nginx", "s")), "no worse")
		}},
	{title: "(b) 30 connections, 100 MB/s in all", do: atFixedRate, values: []string{"ms/GB", "%.0f ms CPU a GB", "%", "%.0f %% served"},
		goals: func(t *table, m func(who, value string) float64) {
			t.add("CPU, clipd / nginx", ratio(m(ours, "ms/GB"), m("nginx", "ms/GB")), "at most 1.1")
			t.add("CPU, clipd / user space", ratio(m(ours, "ms/GB"), m(userspace, "ms/GB")), "at most 0.25")
		}},
	{title: "(c) 1,000 clients at 50 kB/s", do: slowly(1000),
		values: []string{"MB", "VmHWM %.1f MB", "threads", "%.0f threads", "ms/GB", "%.0f ms CPU a GB", "%", "%.0f %% served"},
		goals: func(t *table, m func(who, value string) float64) {
			t.add("clipd, peak resident memory", fmt.Sprintf("%.1f MB", m(ours, "MB")), "at most 16 MB")
			t.add("clipd, threads", fmt.Sprintf("%.0f", m(ours, "threads")), "at most 12")
		}},
	{title: "(c) 5,000 clients at 50 kB/s", do: slowly(5000), only: []string{ours, "nginx"}, config: "[http]\nmax_transfers = 5000\n",
		values: []string{"MB", "VmHWM %.1f MB", "threads", "%.0f threads", "ms/GB", "%.0f ms CPU a GB", "%", "%.0f %% served"},
		goals: func(t *table, m func(who, value string) float64) {
			t.add("clipd, peak resident memory", fmt.Sprintf("%.1f MB", m(ours, "MB")), "at most 32 MB")
		}},
	{title: "(d) ranges of 64 KiB, 16 connections that are kept", do: smallRanges,
		only:   []string{ours, content, "nginx", "lighttpd", "Caddy"}, // the others know no ranges
		values: []string{"req/s", "%.0f req/s", "p50 ms", "p50 %.2f ms", "p99 ms", "p99 %.2f ms"},
		goals: func(t *table, m func(who, value string) float64) {
			t.add("rate, clipd / nginx", ratio(m(ours, "req/s"), m("nginx", "req/s")), "at least 0.8")
			t.add("rate, clipd / http.ServeContent", ratio(m(ours, "req/s"), m(content, "req/s")), "at least 0.9")
			t.add("p99, clipd / nginx", ratio(m(ours, "p99 ms"), m("nginx", "p99 ms")), "no worse")
		}},
	{title: "(e) one good client among 1,000 that read nothing", do: amongStalled,
		values: []string{"median ms", "first byte %.1f ms", "worst ms", "worst %.1f ms"},
		goals: func(t *table, m func(who, value string) float64) {
			t.add("clipd, worst first byte", fmt.Sprintf("%.1f ms", m(ours, "worst ms")), "under 50 ms")
		}},
	{title: "(i) 5,000 idle connections", do: idleConnections, only: []string{ours, content}, values: []string{"KiB", "%.2f KiB each"},
		goals: func(t *table, m func(who, value string) float64) {
			t.add("clipd, anonymous memory", fmt.Sprintf("%.2f KiB each", m(ours, "KiB")), "at most 1 KiB")
		}},
}

func ratio(a, b float64) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// transfers is the comparison: every contender goes through every load, in turns, several rounds.
func transfers(ctx context.Context, b *bench) (tables []table, err error) {
	if err := moreFiles(); err != nil {
		return nil, err
	}
	s := site{dir: filepath.Join(b.dir, "site"), size: int64(b.pick(300_000_000, 100_000_000)), memory: boxMemory}
	if err := os.MkdirAll(s.dir, 0o777); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "clip.mp4"), b.sample.padded(int(s.size)), 0o666); err != nil {
		return nil, err
	}
	for _, tr := range trials {
		if !strings.Contains(tr.title, b.trial) {
			continue
		}
		s.config = tr.config
		t, err := b.compare(ctx, tr, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", tr.title, err)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// moreFiles lifts this program's limit of descriptors as far as it may, which its children inherit.
func moreFiles() error {
	const needed = 12_000
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Max < needed {
		return fmt.Errorf("thousands of clients need %d descriptors, the limit is %d: ulimit -Hn", needed, limit.Max)
	}
	limit.Cur = limit.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}

func (b *bench) compare(ctx context.Context, tr trial, s site) (table, error) {
	got := map[string]map[string]spread{}
	t := table{Title: tr.title, Rounds: got}
	for range b.pick(5, 1) {
		for _, c := range contenders {
			if len(tr.only) > 0 && !slices.Contains(tr.only, c.name) || !strings.Contains(c.name, b.contender) {
				continue
			}
			o, err := b.try(ctx, c, tr.do, s)
			if err != nil {
				return t, fmt.Errorf("%s: %w", c.name, err)
			}
			if got[c.name] == nil {
				got[c.name] = map[string]spread{}
			}
			for value, n := range o {
				got[c.name][value] = append(got[c.name][value], n)
			}
		}
	}
	for _, c := range contenders {
		if o := got[c.name]; o != nil {
			t.add(c.name, tr.tell(o), "")
		}
	}
	tr.goals(&t, func(who, value string) float64 { return got[who][value].median() })
	return t, nil
}

// try runs one load on one contender, started for it.
func (b *bench) try(ctx context.Context, c contender, do load, s site) (o outcome, err error) {
	sv, err := c.start(ctx, b, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sv.stop()) }()
	// clipd has hashed the clip and dropped most of it from the page cache; everyone begins with it there.
	if err := readThrough(filepath.Join(s.dir, "clip.mp4")); err != nil {
		return nil, err
	}
	return do(ctx, b, sv, s.size)
}

// readThrough brings a file into the page cache, anew: pages that are there already count as those of whoever read them,
// and go when the memory cgroup of that one is full.
func readThrough(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, f)
	return err
}

// tell prints the values in their order.
func (tr trial) tell(o map[string]spread) (text string) {
	for i := 0; i < len(tr.values); i += 2 {
		if i > 0 {
			text += ", "
		}
		text += o[tr.values[i]].in(tr.values[i+1])
	}
	return text
}
