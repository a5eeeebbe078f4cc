package root

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Marker is the file that carries a root's id: 32 hex digits and a newline.
const Marker = ".clipd-root"

const idBytes = 16

// identity is what must not change between a look and a call. Device and inode alone are not enough: the next disk in
// the same slot has the same ones.
type identity struct {
	dev, ino uint64
	id       string // the marker's; "" if it has none
}

// identify reads who the folder fd is. A marker that holds no id counts as none.
func identify(fd int) (identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return identity{}, os.NewSyscallError("fstat", err)
	}
	who := identity{dev: uint64(st.Dev), ino: st.Ino}
	b, err := readMarker(fd)
	if errors.Is(err, fs.ErrNotExist) {
		return who, nil
	}
	if err != nil {
		return identity{}, fmt.Errorf("read %s: %w", Marker, err)
	}
	id := strings.TrimSuffix(b, "\n")
	if raw, err := hex.DecodeString(id); err == nil && len(raw) == idBytes {
		who.id = id
	}
	return who, nil
}

// readMarker reads no more than an id and its newline, so that the marker's size does not matter.
func readMarker(fd int) (string, error) {
	f, err := openat(fd, Marker, fileFlags)
	if err != nil {
		return "", err
	}
	defer unix.Close(f)
	var b [2*idBytes + 2]byte
	n, err := ignoringEINTR(func() (int, error) { return unix.Read(f, b[:]) })
	return string(b[:max(n, 0)]), err
}

// writeMarker puts the marker in place whole or not at all.
func writeMarker(fd int, id string) error {
	const tmp = Marker + ".tmp"
	err := writeNew(fd, tmp, id+"\n")
	if err == nil {
		err = os.NewSyscallError("renameat", unix.Renameat(fd, tmp, fd, Marker))
	}
	if err == nil {
		err = syncFolder(fd)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", Marker, err)
	}
	return nil
}

func writeNew(fd int, name, text string) error {
	n, err := unix.Openat(fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return os.NewSyscallError("openat", err)
	}
	f := os.NewFile(uintptr(n), name)
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func newID() string {
	var b [idBytes]byte
	rand.Read(b[:]) // never fails, crypto/rand
	return hex.EncodeToString(b[:])
}
