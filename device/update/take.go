package update

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"clipd/store"
)

// incoming is the folder a bundle is unpacked into.
const incoming = "incoming"

// spare is what unpacking leaves free, in bytes: the catalogue and the recorder go on meanwhile.
const spare = 32 << 20

// Why a bundle is not taken, beside ErrRefused.
var (
	ErrBusy  = errors.New("another update is under way or on trial")
	ErrSpace = errors.New("there is not enough space for the new version")
	ErrOlder = errors.New("the bundle is older than the version that runs")
)

// Take reads a bundle from r and makes it the version that starts next, on trial. It blocks as long as r does and holds one
// buffer. older takes also what is older than the running version. After an error nothing has changed: ErrRefused,
// ErrOlder, ErrBusy, ErrSpace, or what went wrong with r or the disk.
func (v *Versions) Take(r io.Reader, older bool) (Manifest, error) {
	if !v.taking.CompareAndSwap(false, true) {
		return Manifest{}, ErrBusy
	}
	defer v.taking.Store(false)
	c, err := v.readChoice()
	if err != nil {
		return Manifest{}, err
	}
	if c.Trial || c.Chosen != v.Running {
		return Manifest{}, ErrBusy
	}
	in := bufio.NewReaderSize(r, 32<<10)
	h, err := v.judge(in, older)
	if err != nil {
		return Manifest{}, err
	}
	if err := v.bring(&h, in); err != nil {
		return Manifest{}, errors.Join(err, os.RemoveAll(filepath.Join(v.dir, incoming)))
	}
	return h.Manifest, v.choose(h.folder())
}

// judge reads the head and decides whether the rest is wanted.
func (v *Versions) judge(in *bufio.Reader, older bool) (head, error) {
	h, err := readHead(in, v.keys)
	if err == nil {
		err = v.fits(&h)
	}
	if err != nil {
		return h, err
	}
	if h.folder() == v.Running {
		return h, refuse("this box runs %s already", h.Version)
	}
	if !older && h.Built < v.runningBuilt() {
		return h, fmt.Errorf("%w: it is %s, and %s runs", ErrOlder, h.Version, v.name(v.Running))
	}
	return h, nil
}

// runningBuilt is when the running version was built. It was verified when it started.
func (v *Versions) runningBuilt() int64 {
	f, err := openPlain(filepath.Join(v.dir, v.Running, headFile))
	if v.Running == "" || err != nil {
		return v.Built
	}
	defer f.Close()
	h, err := readHead(bufio.NewReader(f), v.keys)
	if err != nil {
		return v.Built
	}
	return h.Built
}

// bring unpacks what follows the head, and gives it its name when all of it is on the disk.
func (v *Versions) bring(h *head, in *bufio.Reader) error {
	if err := v.tidy(v.Running); err != nil {
		return err
	}
	if err := v.room(h.size()); err != nil {
		return err
	}
	dir := filepath.Join(v.dir, incoming)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("unpack the bundle: %w", err)
	}
	if err := h.unpack(in, dir); err != nil {
		return err
	}
	// WriteFile makes the names of the files before it durable too.
	if err := store.WriteFile(dir, headFile, h.lines, 0o644); err != nil {
		return err
	}
	if err := os.Rename(dir, filepath.Join(v.dir, h.folder())); err != nil {
		return fmt.Errorf("unpack the bundle: %w", err)
	}
	return syncFolder(v.dir)
}

// room tells whether size bytes fit on the disk.
func (v *Versions) room(size int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(v.dir, &st); err != nil {
		return fmt.Errorf("statfs of %s: %w", v.dir, err)
	}
	if free := int64(st.Bavail) * int64(st.Bsize); free < size+spare {
		return fmt.Errorf("%w: it takes %d MiB, and %d MiB are free", ErrSpace, (size+spare)>>20, free>>20)
	}
	return nil
}

// choose puts the version in folder on trial.
func (v *Versions) choose(folder string) error {
	return v.change(func(c *choice) bool {
		*c = choice{Chosen: folder, Previous: v.Running, Trial: true}
		return true
	})
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("fsync of folder %s: %w", path, err)
	}
	return nil
}
