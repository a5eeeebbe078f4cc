package sendfile

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// files holds one open descriptor for each file that is being sent, however many transfers send it.
type files struct {
	mu   sync.Mutex
	open map[fileKey]*file
}

// fileKey tells one state of one file from another.
type fileKey struct {
	dev, ino   uint64
	size       int64
	sec, nanos int64
}

// file is an open file and how many use it.
type file struct {
	*os.File
	key   fileKey
	users int          // files.mu guards it
	disk  atomic.Int32 // disk workers that read it now
	blind atomic.Bool  // the file system does not say what is in the page cache

	noStat atomic.Bool // cachestat(2) does not
}

func newFiles() *files { return &files{open: map[fileKey]*file{}} }

// share takes f over and returns it, or another open descriptor of the same file in place of it.
func (t *files) share(f *os.File) (*file, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("fstat %s: %w", f.Name(), err)
	}
	key := fileKey{dev: uint64(st.Dev), ino: st.Ino, size: st.Size, sec: int64(st.Mtim.Sec), nanos: int64(st.Mtim.Nsec)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.open[key]; known != nil {
		known.users++
		if known.File != f {
			_ = f.Close()
		}
		return known, nil
	}
	own := &file{File: f, key: key, users: 1}
	t.open[key] = own
	return own, nil
}

// unshare closes the descriptor when nobody is left who uses it.
func (t *files) unshare(f *file) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.users--; f.users == 0 {
		delete(t.open, f.key)
		_ = f.File.Close()
	}
}

// alone says whether one transfer at most uses f.
func (t *files) alone(f *file) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return f.users <= 1
}

// len is how many descriptors are open.
func (t *files) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open)
}
