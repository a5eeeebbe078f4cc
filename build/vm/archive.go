package vm

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path"
)

// archive writes an initramfs: cpio's newc format, Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's
// sources.
type archive struct {
	w     *bufio.Writer
	gz    *gzip.Writer
	f     *os.File
	made  map[string]bool // folders and files that are in it
	inode int
}

func createArchive(name string) (*archive, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	gz, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	return &archive{w: bufio.NewWriter(gz), gz: gz, f: f, made: map[string]bool{"/": true, ".": true}}, nil
}

const (
	folder  = 0o040755
	regular = 0o100755
)

// add copies the file from to the path name, once.
func (a *archive) add(name, from string) error {
	if a.made[name] {
		return nil
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	return a.write(name, regular, fi.Size(), f)
}

// write adds one entry and the folders above it.
func (a *archive) write(name string, mode int, size int64, body io.Reader) error {
	if dir := path.Dir(name); !a.made[dir] {
		if err := a.write(dir, folder, 0, nil); err != nil {
			return err
		}
	}
	a.made[name] = true
	a.inode++
	name = name[1:] + "\x00" // paths begin with a slash here, and do not there
	fmt.Fprintf(a.w, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name), 0)
	io.WriteString(a.w, name)
	a.pad(110 + int64(len(name)))
	if body != nil {
		if n, err := io.Copy(a.w, body); err != nil || n != size {
			return fmt.Errorf("write %s: %d of %d bytes: %w", name, n, size, err)
		}
	}
	return a.pad(size)
}

// pad fills up to a multiple of four.
func (a *archive) pad(n int64) error {
	_, err := a.w.Write(make([]byte, (4-n%4)%4))
	return err
}

// close ends the archive; what failed before shows here at the latest.
func (a *archive) close() error {
	if err := a.write("/TRAILER!!!", 0, 0, nil); err != nil {
		return err
	}
	for _, step := range []func() error{a.w.Flush, a.gz.Close, a.f.Close} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
