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

// disk is what a process asked the kernel to bring to its disk.
type disk struct {
	bytes   int64
	flushes int
}

// toDisk counts pwrite(2) bytes (the catalogue's only way to write) and flushes of a process until the function it returns
// is called. write_bytes of proc(5) is of no use for it: it counts a whole large folio for each page written in it.
func toDisk(ctx context.Context, pid int) (func() (disk, error), error) {
	var trace bytes.Buffer
	cmd := exec.CommandContext(ctx, "strace", "-f", "-e", "trace=pwrite64,fsync,fdatasync,sync_file_range,msync", "-p", strconv.Itoa(pid))
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
	return func() (disk, error) {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			return disk{}, err
		}
		_ = cmd.Wait() // it ends by our signal
		return readTrace(trace.String()), nil
	}, nil
}

// readTrace sums up what strace(1) printed.
func readTrace(text string) (d disk) {
	d.flushes = strings.Count(text, "sync(")
	for line := range strings.Lines(text) {
		_, result, ok := strings.Cut(strings.TrimSpace(line), ") = ")
		if !ok {
			_, result, ok = strings.Cut(strings.TrimSpace(line), ")     = ")
		}
		n, err := strconv.ParseInt(result, 10, 64)
		if ok && err == nil && strings.Contains(line, "pwrite64") {
			d.bytes += n
		}
	}
	return d
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
