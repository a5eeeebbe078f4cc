package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"clipd/store"
)

const (
	hashBlock = 128 << 10 // what is read at once
	dropEvery = 4 << 20   // how much is read before the page cache is told to forget it
)

// errChanged is met when a file changes while it is read: the look at it is void.
var errChanged = errors.New("changed while it was read")

// hasher reads files for their sums. One buffer serves all its files; not safe for concurrent use.
type hasher struct {
	block  []byte
	pause  func(ctx context.Context) error // called between blocks
	forget bool                            // give the pages back behind the reading, so that a recorder's stay
}

// clip reads f once and sets c's SHA-256 and CRC-32. It blocks for as long as that takes. errChanged if f is not, or no
// longer, what c says.
func (h *hasher) clip(ctx context.Context, f *os.File, c *store.Clip) error {
	if h.block == nil {
		h.block = make([]byte, hashBlock)
	}
	sha, crc := sha256.New(), uint32(0)
	for at := int64(0); at < c.Size; {
		if err := h.pause(ctx); err != nil {
			return err
		}
		n, err := f.ReadAt(h.block[:min(hashBlock, c.Size-at)], at)
		if n == 0 && errors.Is(err, io.EOF) {
			return errChanged
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		sha.Write(h.block[:n])
		crc = crc32.Update(crc, crc32.IEEETable, h.block[:n])
		h.leave(f, at, at+int64(n))
		at += int64(n)
	}
	if err := unchanged(f, *c); err != nil {
		return err
	}
	sha.Sum(c.SHA256[:0])
	c.CRC32, c.Hashed = crc, true
	return nil
}

// leave gives pages back, a few megabytes at a time, posix_fadvise(2) POSIX_FADV_DONTNEED.
func (h *hasher) leave(f *os.File, from, to int64) {
	if done := from / dropEvery * dropEvery; h.forget && to/dropEvery != from/dropEvery {
		_ = unix.Fadvise(int(f.Fd()), done, to-done, unix.FADV_DONTNEED)
	}
}

// unchanged is errChanged unless f still has the size and mtime that c was made from.
func unchanged(f *os.File, c store.Clip) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != c.Size || !info.ModTime().Equal(c.Mtime) {
		return errChanged
	}
	return nil
}
