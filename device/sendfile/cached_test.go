package sendfile

import (
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCachedStretch asks about a file that begins in the page cache and goes on outside of it, with cachestat(2) and without.
func TestCachedStretch(t *testing.T) {
	const size, there = 4 << 20, 1 << 20
	path, _ := random(t, size)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	fds := newFiles()
	own, err := fds.share(f)
	if err != nil {
		t.Fatal(err)
	}
	defer fds.unshare(own)
	if got := own.cached(0, size); got != size {
		lacking(t, "just written, %d of %d bytes are there: this file system does not tell, or memory is short", got, size)
	}
	fd := int(own.Fd())
	for _, err := range []error{f.Sync(), unix.Fadvise(fd, 0, 0, unix.FADV_RANDOM), unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if there, err := own.holds(there); err != nil || there {
		lacking(t, "this file system drops nothing: %v", err)
	}
	if _, err := io.ReadFull(f, make([]byte, there)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := own.cached(0, there); got != there {
			t.Errorf("%d bytes of what was read are there, want %d", got, there)
		}
		if got := own.cached(0, size); got < there-step || got >= size {
			t.Errorf("%d bytes are there in one piece, want about %d", got, there)
		}
		own.noStat.Store(true)
	}
}

// lacking skips a test where the machine cannot do what it takes; in CI it fails.
func lacking(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
