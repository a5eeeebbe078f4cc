package lane

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// System is how this machine tells: pressure stall information where the kernel has it, else the load.
func System() Config {
	c := Config{Stalled: stalledByLoad(), Behind: func() bool { return held(read("/proc/vmstat")) }}
	if _, ok := stalled(read("/proc/pressure/io")); ok {
		c.Stalled = func() time.Duration {
			d, _ := stalled(read("/proc/pressure/io"))
			return d
		}
	}
	return c
}

// read returns nothing where there is no such file.
func read(name string) []byte {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return text
}

// stalled is the total of the line "some" of /proc/pressure/io: the time in which at least one task waited for the disk;
// Documentation/accounting/psi.rst of Linux.
func stalled(text []byte) (time.Duration, bool) {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	_, total, ok := bytes.Cut(line, []byte("total="))
	us, err := strconv.ParseInt(string(total), 10, 64)
	return time.Duration(us) * time.Microsecond, ok && err == nil && bytes.HasPrefix(line, []byte("some "))
}

// held reports whether the kernel makes writers wait: it begins to when the pages they have written and the disk has not
// reach the middle between its two thresholds (balance_dirty_pages), which by default is three quarters of the higher one.
func held(vmstat []byte) bool {
	var dirty, threshold int64
	for line := range bytes.Lines(vmstat) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			continue
		}
		switch string(name) {
		case "nr_dirty", "nr_writeback":
			dirty += n
		case "nr_dirty_threshold":
			threshold = n
		}
	}
	return threshold > 0 && dirty > threshold/4*3
}

// stalledByLoad counts the time in which the load was over twice the processors, which tasks that wait for the disk are
// part of; proc_loadavg(5).
func stalledByLoad() func() time.Duration {
	var mu sync.Mutex
	var all time.Duration
	last := time.Now()
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if overloaded(read("/proc/loadavg"), runtime.NumCPU()) {
			all += now.Sub(last)
		}
		last = now
		return all
	}
}

func overloaded(loadavg []byte, processors int) bool {
	one, _, _ := bytes.Cut(loadavg, []byte(" "))
	load, err := strconv.ParseFloat(string(one), 64)
	return err == nil && load > float64(2*processors)
}
