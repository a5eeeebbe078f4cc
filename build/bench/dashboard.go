package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// dashboard measures the page in real Chromium, on a box with 50,000 clips of 35 days.
func dashboard(ctx context.Context, b *bench) (_ []table, err error) {
	dir, n := filepath.Join(b.dir, "dashboard"), b.pick(50_000, 5_000)
	root, file := filepath.Join(dir, "recordings"), filepath.Join(b.dir, "one.mp4")
	now, apart := time.Now().Truncate(time.Second), 35*24*time.Hour/time.Duration(n)
	for i := range n {
		if err := b.sample.record(root, fmt.Sprintf("cam%d", i%4+1), now.Add(-time.Duration(i+1)*apart)); err != nil {
			return nil, err
		}
	}
	x, err := b.startBox(ctx, dir, "none", unhashed+"[poster]\ncommand = [\"none\"]\n")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	if err := errors.Join(x.settled(ctx, n), os.WriteFile(file, b.sample, 0o666)); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "-C", "build/browser", "run", "./figures", x.url, x.token, root, file)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the dashboard in Chromium: %w", err)
	}
	var m struct {
		Paint, Usable, Day, SlowestDay, Visible, Heap float64
		Days                                          int
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return nil, err
	}
	t := table{Title: fmt.Sprintf("The dashboard in Chromium, %d clips, over loopback", n)}
	t.add("first contentful paint, nothing cached", fmt.Sprintf("%.0f ms", m.Paint), "300 ms")
	t.add("list usable, nothing cached", fmt.Sprintf("%.0f ms", m.Usable), "500 ms")
	t.add("switching day, median / slowest of "+fmt.Sprint(m.Days), fmt.Sprintf("%.0f ms / %.0f ms", m.Day, m.SlowestDay), "100 ms")
	t.add("JavaScript heap after these days", mb(int64(m.Heap)), "20 MB")
	t.add("a clip visible after its file was closed", fmt.Sprintf("%.0f ms", m.Visible), "300 ms")
	return []table{t}, nil
}
