package device

import (
	"bufio"
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// memoryLimit is where the garbage collector begins to work for space instead of time. Raspberry Pi kernels ship
	// with the memory cgroup off, so the box bounds itself.
	memoryLimit = 20 << 20
	// garbage is how much may pile up before a collection, in percent of what is in use.
	garbage = 50
)

// limitMemory sets the collector's bounds, unless GOGC or GOMEMLIMIT say otherwise.
func limitMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// settle is how long after a scan memory is given back: what the scan found is announced in the meantime.
const settle = 5 * time.Second

// rest gives memory back some time after each receive on calm, until ctx is done.
func rest(ctx context.Context, calm <-chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-calm:
		}
		giveBack()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(settle):
			giveBack()
		}
	}
}

// giveBack returns what a start or a scan needed and the hours after it do not: free heap, and the pages of our own
// program file that the kernel mapped around those in use. They stay in the page cache and come back by a minor fault.
func giveBack() {
	debug.FreeOSMemory()
	program, err := os.Executable()
	if err != nil {
		return
	}
	for _, m := range unchanging(program) {
		// It is advice: where the kernel refuses, the pages stay.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, m.size, unix.MADV_DONTNEED)
	}
}

// mapping is a range of our address space.
type mapping struct{ start, size uintptr }

// unchanging lists where the read-only parts of the file program are mapped (proc_pid_maps(5)).
func unchanging(program string) (found []mapping) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		field := strings.Fields(lines.Text())
		if len(field) < 6 || field[5] != program || strings.Contains(field[1], "w") {
			continue
		}
		if m, ok := parseRange(field[0]); ok {
			found = append(found, m)
		}
	}
	return found
}

func parseRange(s string) (mapping, bool) {
	from, to, _ := strings.Cut(s, "-")
	a, err := strconv.ParseUint(from, 16, strconv.IntSize)
	b, err2 := strconv.ParseUint(to, 16, strconv.IntSize)
	return mapping{uintptr(a), uintptr(b - a)}, err == nil && err2 == nil
}
