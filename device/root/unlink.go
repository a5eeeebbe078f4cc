package root

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Unlink unlinks the files at paths in their order and then fsyncs each of their folders once; it blocks on the disk. A file
// that is not there is left out. It stops at the first error, and makes durable what it did before. ErrAway unless the
// state is Present and Writable; ErrNotRegular for what is no file, which is left alone.
func (r *Root) Unlink(paths ...string) error {
	if !r.State().Writable {
		return fmt.Errorf("remove %d files: %w", len(paths), ErrAway)
	}
	folders := map[string]int{}
	defer func() {
		for _, fd := range folders {
			unix.Close(fd)
		}
	}()
	var err error
	for _, p := range paths {
		if err = r.unlink(p, folders); err != nil {
			err = explain("remove", p, err)
			break
		}
	}
	for dir, fd := range folders {
		if e := syncFolder(fd); e != nil {
			err = errors.Join(err, explain("fsync", dir, e))
		}
	}
	return err
}

// unlink removes one file, and keeps its folder open among folders.
func (r *Root) unlink(file string, folders map[string]int) error {
	dir, name := path.Split(file)
	fd, open := folders[dir]
	if !open {
		var err error
		if fd, _, err = r.parent(file); errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		folders[dir] = fd
	}
	err := mustBeRegular(fd, name)
	if err == nil {
		err = unix.Unlinkat(fd, name, 0)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("unlinkat: %w", err)
}

// RemoveFolder removes the folder at path if it is empty; false: it is not, or is not there. It does not wait for the disk:
// an empty folder that is back after a power cut does no harm. ErrAway as in Remove.
func (r *Root) RemoveFolder(path string) (bool, error) {
	if !r.State().Writable {
		return false, explain("remove folder", path, ErrAway)
	}
	folder, name, err := r.parent(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, explain("remove folder", path, err)
	}
	defer unix.Close(folder)
	switch err := unix.Unlinkat(folder, name, unix.AT_REMOVEDIR); {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EBUSY):
		return false, nil
	default:
		return false, explain("remove folder", path, os.NewSyscallError("unlinkat", err))
	}
}
