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

// Memory is given back so long after a scan, each counted from the one before (what the scan found is announced in the
// meantime), and then at each restEvery, since whoever was served needed some too. That costs one collection of a small heap.
var settle = []time.Duration{0, 5 * time.Second, 30 * time.Second}

const restEvery = 10 * time.Minute

// rest calls give after each receive on calm, and now and then, until ctx is done.
func rest(ctx context.Context, calm <-chan struct{}, give func()) error {
	var next []time.Duration
	timer := time.NewTimer(restEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-calm:
			next = settle
		case <-timer.C:
			give()
		}
		after := restEvery
		if len(next) > 0 {
			after, next = next[0], next[1:]
		}
		timer.Reset(after)
	}
}

// giveBack returns what a start or a scan needed and the hours after it do not: free heap, and our program's pages.
func giveBack() {
	debug.FreeOSMemory()
	unmapProgram()
}

// unmapProgram lets go of the pages of our own program file: for each that is in use, the kernel maps those around it too,
// soon nearly all of the file. They stay in the page cache, and those in use come back by a minor fault.
func unmapProgram() {
	program, err := os.Executable()
	if err != nil {
		return
	}
	for _, m := range unchanging(program) {
		// It is advice: where the kernel refuses, the pages stay.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, m.size, unix.MADV_DONTNEED)
	}
}

// programBytes is how much of files may be mapped before our program is unmapped. That is looked at after looksOften when it
// was so the last time, and up to looksRarely apart when nothing happens.
const (
	programBytes = 4 << 20
	looksOften   = 50 * time.Millisecond
	looksRarely  = 10 * time.Second
)

// keepProgramSmall unmaps the program whenever it has grown, until ctx is done.
func keepProgramSmall(ctx context.Context) {
	pause := looksOften
	for timer := time.NewTimer(0); ; timer.Reset(pause) {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if pause = min(2*pause, looksRarely); mappedFiles() > programBytes {
			unmapProgram()
			pause = looksOften
		}
	}
}

// mappedFiles is how much memory of ours files back (proc_pid_statm(5), shared), in bytes.
func mappedFiles() int {
	text, _ := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[2])
	return pages * os.Getpagesize()
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
