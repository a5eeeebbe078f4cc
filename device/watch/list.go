package watch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// kind is what a name in a folder stands for.
type kind byte

const (
	other kind = iota // link, FIFO, socket, device
	regular
	directory
	absent
)

// lister reads folders through one buffer, so that a folder of any size costs no memory.
type lister struct{ buf [16 << 10]byte }

// list calls each for every name in the folder at path, in no order, until it fails. It must not be called from each.
func (l *lister) list(path string, each func(name string, k kind) error) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	defer unix.Close(fd)
	for {
		n, err := unix.ReadDirent(fd, l.buf[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 || err != nil {
			return os.NewSyscallError("getdents64", err)
		}
		for b := l.buf[:n]; len(b) > 0; {
			var name string
			var k kind
			if name, k, b = dirent(fd, b); name == "." || name == ".." || k == absent {
				continue
			}
			if err := each(name, k); err != nil {
				return err
			}
		}
	}
}

// dirent takes the first struct linux_dirent64 off b, getdents64(2).
func dirent(fd int, b []byte) (name string, k kind, rest []byte) {
	const typeAt, nameAt = 18, 19
	size := binary.NativeEndian.Uint16(b[16:])
	n, _, _ := bytes.Cut(b[nameAt:size], []byte{0})
	name = string(n)
	switch b[typeAt] {
	case unix.DT_REG:
		k = regular
	case unix.DT_DIR:
		k = directory
	case unix.DT_UNKNOWN: // not every file system tells
		k, _ = lookAt(fd, name)
	}
	return name, k, b[size:]
}

// lookAt tells what is at path now, and its size.
func lookAt(fd int, path string) (k kind, size int64) {
	var st unix.Stat_t
	if err := unix.Fstatat(fd, path, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return absent, 0
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return regular, st.Size
	case unix.S_IFDIR:
		return directory, 0
	}
	return other, 0
}
