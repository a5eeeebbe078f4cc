package root

import (
	"context"
	"os"
)

// watchMounts sends on changed (without blocking: one that waits is enough) each time a file system is mounted or
// unmounted in our namespace, until ctx is done. Without /proc it sends nothing, and the caller's ticker must do.
//
// proc_pid_mountinfo(5): a change marks the open file with POLLPRI and POLLERR, which the runtime's poller reports as readable.
// It is always readable otherwise, but the poller is edge-triggered, so that only changes wake it.
func watchMounts(ctx context.Context, changed chan<- struct{}) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return
	}
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer stop()
	c, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = c.Read(func(uintptr) bool { // ends when f is closed
		select {
		case changed <- struct{}{}:
		default:
		}
		return false
	})
}
