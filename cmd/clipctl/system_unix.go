//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes flock(2) on f until f is closed, also by the end of the process.
func lockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errTwice
	}
	if err != nil {
		return fmt.Errorf("flock: %w (a share that cannot lock files cannot be pulled into)", err)
	}
	return nil
}

// diskUse is how many bytes the file system of dir holds and how many of them are used, counting what only root may use
// as used.
func diskUse(dir string) (used, all int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	block := int64(s.Bsize)
	return (int64(s.Blocks) - int64(s.Bavail)) * block, int64(s.Blocks) * block, nil
}

// diskFull tells whether err says that a disk or a quota is exhausted.
func diskFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
