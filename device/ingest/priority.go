package ingest

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Classes of ioprio_set(2), shifted into place, and what it applies to.
const (
	ioBestEffortLast = 2<<13 | 7 // the lowest of the ordinary class
	ioIdle           = 3 << 13   // only when nobody else wants the disk
	ioprioWhoProcess = 1
	scanNice         = 10
)

// lowDisk ties the calling goroutine to its thread, for good, and makes that thread wait for others at the disk.
// Where that is forbidden it goes on as any other.
func lowDisk(priority uintptr) {
	runtime.LockOSThread()
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, priority)
}

// lowCPU makes the calling thread, tied by lowDisk, wait for others at the processor: setpriority(2) with a thread id
// is about that thread only.
func lowCPU() { _ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), scanNice) }
