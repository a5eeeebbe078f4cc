package sendfile

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cached is how much of the file at path is in the page cache, mincore(2).
func cached(t *testing.T, path string) float64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	m, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(m)
	pages := make([]byte, (len(m)+os.Getpagesize()-1)/os.Getpagesize())
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), uintptr(unsafe.Pointer(&pages[0]))); errno != 0 {
		t.Fatal(errno)
	}
	n := 0
	for _, p := range pages {
		n += int(p & 1)
	}
	return float64(n) / float64(len(pages))
}

// evict drops the file at path from the page cache.
func evict(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	if part := cached(t, path); part > 0.05 {
		t.Skipf("%.0f %% of a file stay in memory: this file system has no disk below it", 100*part)
	}
}

// A large file that was in nobody's cache is not there after a download either; one that was stays.
func TestPagesAreDroppedBehindALargeColdTransfer(t *testing.T) {
	path, want := random(t, 48<<20)
	ended := newResults()
	r := start(t, Config{}, routes(t, path, ended.add))
	fetch := func() {
		c := dial(t, r.addr)
		c.SetReadBuffer(256 << 10) // little is on its way: on loopback that would be pages of the file
		io.WriteString(c, getClip)
		if got, err := readAnswer(bufio.NewReader(c), "GET"); err != nil || !bytes.Equal(got.body, want) {
			t.Fatalf("%v, %d bytes", err, len(got.body))
		}
		ended.next(t)
	}
	evict(t, path)
	fetch()
	if part := cached(t, path); part > 0.5 {
		t.Errorf("%.0f %% of a cold file are in the cache after a transfer, want next to none", 100*part)
	}
	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	before, cold := cached(t, path), r.Stats().Cold
	fetch()
	if after := cached(t, path); r.Stats().Cold == cold && after < before-0.05 {
		t.Errorf("%.0f %% of a file are in the cache after a transfer, %.0f %% were before", 100*after, 100*before)
	}
}

// Pages that another transfer of the file may want stay.
func TestPagesStayThatAnotherTransferWants(t *testing.T) {
	path, want := random(t, 48<<20)
	r := start(t, Config{}, routes(t, path, nil))
	evict(t, path)
	io.WriteString(dial(t, r.addr), getClip) // and reads nothing
	until(t, r.Engine, "under way", func(st Stats) bool { return st.Bytes > 0 })
	c := dial(t, r.addr)
	io.WriteString(c, getClip)
	if got, err := readAnswer(bufio.NewReader(c), "GET"); err != nil || !bytes.Equal(got.body, want) {
		t.Fatalf("%v, %d bytes", err, len(got.body))
	}
	if part := cached(t, path); part < 0.3 {
		t.Errorf("%.0f %% of the file are in the cache, want most of it", 100*part)
	}
}
