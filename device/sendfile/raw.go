package sendfile

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// These make system calls that do not block without telling Go's scheduler. Telling it wakes the runtime's monitor thread,
// which then looks around every 20 µs until all is idle again: measured, a third of the CPU that a hundred wakeups a
// second cost. The price is that a call which does block after all, for pages evicted between looking and sending, keeps
// its P meanwhile.

// epollNow wraps epoll_pwait(2) with no time to wait: every architecture has that one.
func epollNow(ep int, events []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	return result(n, errno)
}

// sendNow wraps sendto(2) without an address, sockets being nonblocking.
func sendNow(fd int, p []byte, flags int) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(flags), 0, 0)
	return result(n, errno)
}

// sendfileNow wraps sendfile(2) for pages that are cached.
func sendfileNow(fd, file int, off int64, n int) (int, error) {
	k, _, errno := unix.RawSyscall6(sysSendfile, uintptr(fd), uintptr(file), uintptr(unsafe.Pointer(&off)), uintptr(n), 0, 0)
	return result(k, errno)
}

// cachedNow wraps preadv2(2) with RWF_NOWAIT: it reads one byte at off if that needs no disk, else it fails with EAGAIN.
func cachedNow(fd int, off int64) (int, error) {
	var b [1]byte
	iov := unix.Iovec{Base: &b[0]}
	iov.SetLen(1)
	n, _, errno := unix.RawSyscall6(unix.SYS_PREADV2, uintptr(fd), uintptr(unsafe.Pointer(&iov)), 1,
		uintptr(off), uintptr(uint64(off)>>32), unix.RWF_NOWAIT) // both halves of off, of which 64-bit kernels drop the upper
	return result(n, errno)
}

// pagesNow wraps cachestat(2): how many pages of n bytes from off on the page cache has.
func pagesNow(fd int, off, n int64) (uint64, error) {
	var stat unix.Cachestat_t
	in := unix.CachestatRange{Off: uint64(off), Len: uint64(n)}
	_, _, errno := unix.RawSyscall6(unix.SYS_CACHESTAT, uintptr(fd), uintptr(unsafe.Pointer(&in)), uintptr(unsafe.Pointer(&stat)), 0, 0, 0)
	_, err := result(0, errno)
	return stat.Cache, err
}

func result(n uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
