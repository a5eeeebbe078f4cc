package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// field reads the number after "name:" in a file of proc(5). Memory is there in KiB and returned in bytes.
func field(pid int, file, name string) (int64, error) {
	path := fmt.Sprintf("/proc/%d/%s", pid, file)
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		rest, ok := strings.CutPrefix(line, name+":")
		if !ok {
			continue
		}
		words := strings.Fields(rest)
		n, err := strconv.ParseInt(words[0], 10, 64)
		if len(words) > 1 && words[1] == "kB" {
			n *= 1024
		}
		return n, err
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}

// written is what the process caused to be written to disks, in bytes.
func written(pid int) (int64, error) { return field(pid, "io", "write_bytes") }

// anonymous is the memory of the process that no file backs, in bytes.
func anonymous(pid int) (int64, error) { return field(pid, "smaps_rollup", "Anonymous") }

// peak samples the anonymous memory of a process until the function it returns is called, which returns the largest.
func peak(pid int) func() int64 {
	stop, done := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		var most int64
		for {
			if n, err := field(pid, "status", "RssAnon"); err == nil {
				most = max(most, n)
			}
			select {
			case <-tick.C:
			case <-stop:
				done <- most
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-done }
}

// flushes counts fsync(2) and fdatasync(2) of a process until the function it returns is called.
func flushes(ctx context.Context, pid int) (func() (int, error), error) {
	var trace bytes.Buffer
	cmd := exec.CommandContext(ctx, "strace", "-f", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-p", strconv.Itoa(pid))
	attached := make(chan struct{}, 1)
	cmd.Stderr = watcher{&trace, "attached", attached}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("strace: %w", err)
	}
	select {
	case <-attached:
	case <-time.After(10 * time.Second):
		return nil, errors.Join(errors.New("strace cannot attach to clipd"), cmd.Process.Kill(), cmd.Wait())
	}
	return func() (int, error) {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			return 0, err
		}
		_ = cmd.Wait() // it ends by our signal
		return strings.Count(trace.String(), "sync("), nil
	}, nil
}

// watcher keeps what is written and tells once when word has come by.
type watcher struct {
	kept *bytes.Buffer
	word string
	seen chan struct{}
}

func (w watcher) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(w.word)) {
		select {
		case w.seen <- struct{}{}:
		default:
		}
	}
	return w.kept.Write(b)
}
