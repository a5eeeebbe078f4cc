package ingest

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// writers is what the kernel tells about a file's writers.
type writers int

const (
	noWriter writers = iota
	hasWriter
	unknownWriter // leases are not to be had
)

// writersOf says whether any process has f open for writing. f must be open for reading only. A read lease is refused
// with EAGAIN while one has, fcntl(2) F_SETLEASE; EACCES is another user's file without CAP_LEASE, EINVAL a file
// system without leases. The lease is given back at once: whoever opens the file in between waits microseconds for it.
func writersOf(f *os.File) (writers, error) {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case err == nil:
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
		return noWriter, os.NewSyscallError("fcntl F_SETLEASE", err)
	case errors.Is(err, unix.EAGAIN):
		return hasWriter, nil
	}
	return unknownWriter, nil
}

// Written reports whether a process may have f open for writing; f must be open for reading only. Where the kernel does
// not tell, a file that was touched within the last hour is.
func Written(f *os.File, quiet time.Duration) bool {
	w, err := writersOf(f)
	return err != nil || w == hasWriter || w == unknownWriter && quiet < time.Hour
}
