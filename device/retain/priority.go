package retain

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Classes of ioprio_set(2), shifted into place, and what it applies to.
const (
	ioBestEffortLast = 2<<13 | 7 // the lowest of the ordinary class
	ioIdle           = 3 << 13   // only when nobody else wants the disk
	ioprioWhoProcess = 1
)

// priority is how a thread waits for others at the disk: idle, but for the time in which the file system is below its
// floor. Then an idle deletion would wait for the very recorders that fill it.
type priority struct{ now uintptr }

// newPriority ties the calling goroutine to its thread, for good. Where the kernel refuses it goes on as any other.
func newPriority() *priority {
	runtime.LockOSThread()
	p := &priority{}
	p.set(false)
	return p
}

func (p *priority) set(pressing bool) {
	class := uintptr(ioIdle)
	if pressing {
		class = ioBestEffortLast
	}
	if p.now != class {
		p.now = class
		_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, class)
	}
}
