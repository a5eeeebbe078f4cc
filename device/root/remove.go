package root

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Remove unlinks the file at path and fsyncs its folder; it blocks on the disk. fs.ErrNotExist is the caller's to accept.
// ErrAway unless the state is Present and Writable; ErrNotRegular for what is no file, which is left alone.
func (r *Root) Remove(path string) error {
	if !r.State().Writable {
		return explain("remove", path, ErrAway)
	}
	if err := r.remove(path); err != nil {
		return explain("remove", path, err)
	}
	return nil
}

func (r *Root) remove(path string) error {
	folder, name, err := r.parent(path)
	if err != nil {
		return err
	}
	defer unix.Close(folder)
	if err := mustBeRegular(folder, name); err != nil {
		return err
	}
	if err := unix.Unlinkat(folder, name, 0); err != nil {
		return os.NewSyscallError("unlinkat", err)
	}
	return syncFolder(folder)
}

// syncFolder makes names in the folder durable. A file system that cannot (EINVAL, fsync(2)) promises nothing to lose.
func syncFolder(fd int) error {
	_, err := ignoringEINTR(func() (int, error) { return 0, unix.Fsync(fd) })
	if errors.Is(err, unix.EINVAL) {
		return nil
	}
	return os.NewSyscallError("fsync", err)
}

// Free returns the bytes available to us and the size of the root's file system. ErrAway.
func (r *Root) Free() (free, total int64, err error) {
	fd, err := r.enter()
	if err != nil {
		return 0, 0, fmt.Errorf("statfs %s: %w", r.dir, err)
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return 0, 0, fmt.Errorf("statfs %s: %w", r.dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}
