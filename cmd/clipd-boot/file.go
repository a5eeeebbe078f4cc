package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"clipd/store"
)

// maxText is far more than any file here needs.
const maxText = 1 << 20

// place writes a file whole or not at all, and has it on the disk when it returns.
func place(path, text string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return store.WriteFile(filepath.Dir(path), filepath.Base(path), []byte(text), uint32(mode))
}

// read returns the text of a small file, "" if there is none.
func read(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("%s: larger than %d bytes; is this the right file?", path, maxText)
	}
	return string(text), err
}

// line is the first line of a small file, "" if it cannot be read.
func line(path string) string {
	text, _ := read(path)
	first, _, _ := strings.Cut(text, "\n")
	return strings.TrimSpace(first)
}

// erase overwrites the file at path before it removes it: on FAT a removed file is still there for whoever looks. What
// was in it must be on a disk elsewhere.
func erase(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.WriteAt(make([]byte, size), 0)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("erase %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writable runs do while the file system of dir can be written, and leaves it as it was.
func writable(dir string, do func() error) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if st.Flags&unix.ST_RDONLY == 0 {
		return do()
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, ""); err != nil {
		return fmt.Errorf("make %s writable: %w", dir, err)
	}
	err := do()
	if again := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); again != nil {
		err = errors.Join(err, fmt.Errorf("make %s read-only again: %w", dir, again))
	}
	return err
}
