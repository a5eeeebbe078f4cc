package root

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// openat2(2) with RESOLVE_BENEATH would do all this at once, but qemu-user and old kernels lack it: one openat(2) for
// each element, none of which may be a link, is the same.
const (
	anyFlags    = unix.O_CLOEXEC | unix.O_NOFOLLOW
	fileFlags   = anyFlags | unix.O_RDONLY | unix.O_NONBLOCK // a FIFO must not block
	folderFlags = anyFlags | unix.O_RDONLY | unix.O_DIRECTORY
	statFlags   = anyFlags | unix.O_PATH // a device must not even be opened
)

// Open opens the regular file at path beneath the root for reading (O_NOFOLLOW on every element). The caller closes it;
// until then its disk cannot be unmounted. fs.ErrNotExist, ErrNotRegular, ErrAway.
func (r *Root) Open(path string) (*os.File, fs.FileInfo, error) {
	f, info, err := r.open(path)
	if err != nil {
		return nil, nil, explain("open", path, err)
	}
	return f, info, nil
}

func (r *Root) open(path string) (*os.File, fs.FileInfo, error) {
	folder, name, err := r.parent(path)
	if err != nil {
		return nil, nil, err
	}
	defer unix.Close(folder)
	if err := mustBeRegular(folder, name); err != nil {
		return nil, nil, err
	}
	fd, err := openat(folder, name, fileFlags)
	if err != nil {
		return nil, nil, err
	}
	_ = unix.SetNonblock(fd, false) // it means nothing to a regular file, but sends os.NewFile to the poller
	return regular(fd, path)
}

// Stat is Open without a file. It needs no permission to read the file.
func (r *Root) Stat(path string) (fs.FileInfo, error) {
	info, err := r.stat(path)
	if err != nil {
		return nil, explain("stat", path, err)
	}
	return info, nil
}

func (r *Root) stat(path string) (fs.FileInfo, error) {
	folder, name, err := r.parent(path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(folder)
	fd, err := openat(folder, name, statFlags)
	if err != nil {
		return nil, err
	}
	f, info, err := regular(fd, path)
	if err != nil {
		return nil, err
	}
	return info, f.Close()
}

// regular makes a file of fd, which it owns.
func regular(fd int, path string) (*os.File, fs.FileInfo, error) {
	f := os.NewFile(uintptr(fd), path)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func mustBeRegular(folder int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(folder, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return ErrNotRegular
	}
	return nil
}

// parent opens the folder that path's last element is in. The caller closes it.
func (r *Root) parent(path string) (folder int, name string, err error) {
	if !beneath(path) {
		return -1, "", ErrNotRegular
	}
	dir := ""
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, path = path[:i], path[i+1:]
	}
	folder, err = r.folder(dir)
	return folder, path, err
}

// folder opens the folder at path, "" being the root itself. The caller closes it.
func (r *Root) folder(path string) (int, error) {
	fd, err := r.enter()
	for err == nil && path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		up := fd
		fd, err = openat(up, name, folderFlags)
		unix.Close(up)
	}
	return fd, err
}

// enter opens the root itself if it is still the one the last look saw. The caller closes it.
func (r *Root) enter() (int, error) {
	v := r.seen.Load()
	if !v.Present {
		return -1, ErrAway
	}
	fd, err := openRoot(r.dir)
	if err == nil {
		var now identity
		if now, err = identify(fd); err == nil && now == v.identity {
			return fd, nil
		}
		unix.Close(fd)
	}
	select {
	case r.doubt <- struct{}{}:
	default:
	}
	return -1, errors.Join(ErrAway, err)
}

// beneath says whether path is one that a walk from the root could have met.
func beneath(path string) bool {
	if path == "" || strings.IndexByte(path, 0) >= 0 {
		return false
	}
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || name == "." || name == ".." {
			return false
		}
	}
	return true
}

// openRoot may follow links: where the root is, is the configuration's word.
func openRoot(dir string) (int, error) {
	return openat(unix.AT_FDCWD, dir, folderFlags&^unix.O_NOFOLLOW)
}

func openat(folder int, name string, flags int) (int, error) {
	fd, err := ignoringEINTR(func() (int, error) { return unix.Openat(folder, name, flags, 0) })
	if err != nil {
		return -1, os.NewSyscallError("openat", err)
	}
	return fd, nil
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != unix.EINTR {
			return n, err
		}
	}
}

// explain turns the kernel's word into one of the errors callers test for. A link where a folder should be is ENOTDIR,
// open(2) O_NOFOLLOW; a socket is ENXIO.
func explain(what, path string, err error) error {
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		err = fmt.Errorf("%w: %w", ErrNotRegular, err)
	case errors.Is(err, unix.ENAMETOOLONG):
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return fmt.Errorf("%s %q: %w", what, path, err)
}
