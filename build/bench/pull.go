package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"clipd/device/api"
)

// clipctlRSS is what clipctl may take, resident, whatever it pulls.
const clipctlRSS = "32 MB"

// pulls measures clipctl pull against the real box over the loopback interface: following, many small clips, few large.
func pulls(ctx context.Context, b *bench) ([]table, error) {
	t := table{Title: "clipctl pull over the loopback interface"}
	for _, measure := range []func(context.Context, *bench, *table) error{pullFollowing, pullSmall, pullLarge} {
		if err := measure(ctx, b, &t); err != nil {
			return nil, err
		}
	}
	return []table{t}, nil
}

// clipctl is a command for x; what it remembers of folders stays in the scratch folder.
func (b *bench) clipctl(ctx context.Context, x *box, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "clipctl"), args...)
	cmd.Env = append(os.Environ(), "CLIPCTL_URL="+x.url, "CLIPCTL_TOKEN="+x.token, "XDG_STATE_HOME="+b.dir, "XDG_CONFIG_HOME="+b.dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// pullFollowing is the time from the announcement at a subscriber to the line that clipctl prints when the clip is
// verified, flushed to disk and in the ledger.
func pullFollowing(ctx context.Context, b *bench, t *table) (err error) {
	dir := filepath.Join(b.dir, "follow")
	m, err := b.broker(ctx)
	if err != nil {
		return err
	}
	defer m.stop()
	x, err := b.startBox(ctx, dir, "tcp://"+m.address, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	cmd := b.clipctl(ctx, x, "pull", "-f", "--json", "--quiet", filepath.Join(b.dir, "followed"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()) }()
	took, err := b.followed(ctx, m, bufio.NewScanner(out), filepath.Join(dir, "recordings"))
	t.add(fmt.Sprintf("pull -f: announcement to verified file on disk, %d clips of 10 MB, median / p99", len(took)),
		ms(took.quantile(0.5))+" / "+ms(took.quantile(0.99)), "median 100 ms")
	return err
}

func (b *bench) followed(ctx context.Context, m *broker, lines *bufio.Scanner, root string) (all times, err error) {
	body := b.sample.padded(clipBytes)
	for i := range b.pick(60, 15) {
		path := fmt.Sprintf("front/%04d.mp4", i)
		if err := b.place(root, path, body); err != nil {
			return nil, err
		}
		h, err := m.next(ctx, path)
		if err != nil {
			return nil, err
		}
		if !lines.Scan() {
			return nil, fmt.Errorf("clipctl ended: %w", io.ErrUnexpectedEOF)
		}
		if at := time.Now(); i > 0 { // the first finds clipctl starting
			all = append(all, at.Sub(h.at))
		}
	}
	return all, nil
}

// place moves a finished recording to its path.
func (b *bench) place(root, path string, body []byte) error {
	file := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(file+".part", body, 0o666); err != nil {
		return err
	}
	return os.Rename(file+".part", file)
}

// pullSmall is how many clips a second come, each verified.
func pullSmall(ctx context.Context, b *bench, t *table) (err error) {
	n, dir := b.pick(10_000, 2_000), filepath.Join(b.dir, "small")
	if err := b.sample.fill(filepath.Join(dir, "recordings"), n); err != nil {
		return err
	}
	x, err := b.startBox(ctx, dir, "none", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	if err := x.settled(ctx, n); err != nil {
		return err
	}
	to := filepath.Join(b.dir, "small-pulled")
	took, rss, err := b.pull(ctx, x, to)
	if err != nil {
		return err
	}
	if got, err := ledgerLines(to); err != nil || got < n {
		return fmt.Errorf("the ledger has %d lines for %d clips (%w)", got, n, err)
	}
	t.add(fmt.Sprintf("%d clips of %d bytes, verified, without fsync", n, len(b.sample)), fmt.Sprintf("%.0f/s", float64(n)/took.Seconds()), "1500/s")
	t.add("… resident memory of clipctl, peak", mb(rss), clipctlRSS)
	return os.RemoveAll(to)
}

// pull runs one pull and returns how long it took and the most memory that was resident.
func (b *bench) pull(ctx context.Context, x *box, to string) (time.Duration, int64, error) {
	cmd := b.clipctl(ctx, x, "pull", "--quiet", "--no-fsync", "--new", to)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for most := int64(0); ; {
		select {
		case err := <-ended:
			return time.Since(began), most, err
		case <-tick.C: // wait4(2) would tell of the memory of this program too, before it became clipctl
			if n, err := field(cmd.Process.Pid, "status", "VmHWM"); err == nil {
				most = n
			}
		}
	}
}

func ledgerLines(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, ".clipctl", "ledger"))
	return strings.Count(string(text), `"clip":`), err
}

// pullLarge compares with one curl that fetches the same clips, in turns, so that both meet the same disk.
func pullLarge(ctx context.Context, b *bench, t *table) (err error) {
	const clips = 10
	n, dir := b.pick(300_000_000, 50_000_000), filepath.Join(b.dir, "large")
	for i := range clips {
		if err := b.place(filepath.Join(dir, "recordings"), fmt.Sprintf("front/%d.mp4", i), b.sample.padded(n)); err != nil {
			return err
		}
	}
	x, err := b.startBox(ctx, dir, "none", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	if err := x.settled(ctx, clips); err != nil {
		return err
	}
	var curls, ours times
	var most int64
	to := filepath.Join(b.dir, "large-pulled")
	for range b.pick(5, 3) {
		c, err := b.curl(ctx, x, to)
		if err != nil {
			return err
		}
		o, rss, err := b.pull(ctx, x, to)
		if err = errors.Join(err, os.RemoveAll(to)); err != nil {
			return err
		}
		curls, ours, most = append(curls, c), append(ours, o), max(most, rss)
	}
	rate := func(d time.Duration) float64 { return float64(clips*n) / 1e6 / d.Seconds() }
	c, o := curls.quantile(0.5), ours.quantile(0.5)
	t.add(fmt.Sprintf("ten clips of %d MB, hashed, clipctl / curl, median of %d", n/1_000_000, len(ours)), fmt.Sprintf("%.0f / %.0f MB/s = %.2f", rate(o), rate(c), rate(o)/rate(c)), "0.7")
	t.add("… resident memory of clipctl, peak", mb(most), clipctlRSS)
	return nil
}

// curl fetches every clip of x into a folder and removes it again.
func (b *bench) curl(ctx context.Context, x *box, to string) (time.Duration, error) {
	var page struct {
		Clips []api.Clip `json:"clips"`
	}
	if _, err := x.get(ctx, "/api/v1/clips", &page); err != nil {
		return 0, err
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return 0, err
	}
	args := []string{"-sSf", "-H", "Authorization: Bearer " + x.token}
	for _, c := range page.Clips {
		args = append(args, "-o", filepath.Join(to, c.ID), x.url+c.URLPath)
	}
	began := time.Now()
	out, err := exec.CommandContext(ctx, "curl", args...).CombinedOutput()
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("curl: %w: %s", err, out)
	}
	return took, os.RemoveAll(to)
}
