package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// isFull reports whether err is a commit for which there was no room, so that nothing of it was done. A flush that fails
// for the same reason is no such error: what is on disk then is unknown.
func isFull(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, berrors.ErrMaxSizeReached) || errors.Is(err, ErrFull) {
		return true
	}
	// Bbolt's grow says it with %s. It truncates before it writes anything.
	if s := err.Error(); strings.Contains(s, "file resize error: ") {
		return strings.HasSuffix(s, unix.ENOSPC.Error()) || strings.HasSuffix(s, unix.EDQUOT.Error()) || strings.HasSuffix(s, unix.EFBIG.Error())
	}
	var path *fs.PathError
	return errors.As(err, &path) && path.Op == "write" && noSpace(path.Err)
}

func noSpace(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// asFull makes err ErrFull if it is about space.
func asFull(err error) error {
	if noSpace(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

const ballastSize = 1 << 20

// ballast is state/ballast, a file whose only use is to be removed when the disk is full and a removal needs room.
type ballast struct {
	path  string
	there bool
}

// giveUp removes the file and reports whether that made room.
func (b *ballast) giveUp(log *slog.Logger) bool {
	if !b.there {
		return false
	}
	b.there = false
	if err := os.Remove(b.path); err != nil {
		log.Error("the disk is full and the ballast could not be removed", "path", b.path, "error", err)
		return false
	}
	log.Warn("the disk is full: the ballast was given up so that clips can be removed", "path", b.path)
	return true
}

// restore makes the file again once there is room for it and more.
func (b *ballast) restore() {
	if b.there || b.path == "" {
		return
	}
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(b.path), &st); err != nil || st.Bavail*uint64(st.Bsize) < 4*ballastSize {
		return
	}
	if err := makeBallast(b.path); err != nil {
		os.Remove(b.path) // half a ballast is in the way, and it is tried again at the next commit
		return
	}
	b.there = true
}

// makeBallast takes real blocks: fallocate(2) where the file system has it, else written bytes.
func makeBallast(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err = unix.Fallocate(int(f.Fd()), 0, 0, ballastSize); errors.Is(err, unix.EOPNOTSUPP) {
		err = writeBallast(f)
	}
	return errors.Join(err, f.Close())
}

func writeBallast(f *os.File) error {
	chunk := make([]byte, 4096)
	for range ballastSize / len(chunk) {
		if _, err := f.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}
