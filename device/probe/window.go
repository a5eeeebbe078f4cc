package probe

import (
	"fmt"
	"io"
	"sync"
)

// Budgets of one call of File.
const (
	ReadBudget = 64 << 20 // bytes asked of the reader
	StepBudget = 4 << 20  // looks into the window; bounds time where bytes are looked at more than once
)

const (
	windowSize = 64 << 10
	firstRead  = 4 << 10 // the head of the file
	jumpRead   = 512     // after a jump: a header or two, since most jumps land on one
)

var windowBuffers = sync.Pool{New: func() any { return new([windowSize]byte) }}

// window is a view of the file through one buffer that follows the parser. Reads that adjoin double in
// length, so walking costs few calls and jumping costs few bytes. It is for one goroutine.
type window struct {
	r     io.ReaderAt
	size  int64 // of the file
	buf   *[windowSize]byte
	start int64 // file offset of buf[0]
	n     int   // valid bytes in buf
	jump  int   // bytes to read after a jump

	readLeft  int64
	stepsLeft int
	err       error // first error that ends the probe: budget spent or the reader's
}

func openWindow(r io.ReaderAt, size int64) *window {
	return &window{
		r: r, size: size,
		jump:     jumpRead,
		buf:      windowBuffers.Get().(*[windowSize]byte),
		readLeft: ReadBudget, stepsLeft: StepBudget,
	}
}

// close gives the buffer back. No slice from peek may be used afterwards.
func (w *window) close() {
	windowBuffers.Put(w.buf)
	w.buf = nil
}

// peek returns the n bytes at off, or nil if the file has not all of them, n is more than a window, or
// w.err is set. The slice is valid until the next call of a method of w.
func (w *window) peek(off int64, n int) []byte {
	if w.err != nil || off < 0 || n <= 0 || n > windowSize || off > w.size-int64(n) {
		return nil
	}
	if w.stepsLeft--; w.stepsLeft < 0 {
		w.err = ErrBudget
		return nil
	}
	if off < w.start || off+int64(n) > w.start+int64(w.n) {
		if w.refill(off, n); w.err != nil {
			return nil
		}
	}
	i := int(off - w.start)
	return w.buf[i : i+n : i+n]
}

// upTo is peek for at most n bytes: fewer at the end of the file, nil behind it.
func (w *window) upTo(off int64, n int) []byte {
	return w.peek(off, int(min(int64(n), w.size-off)))
}

// jumps sets how much is read after a jump and returns what it was: less than usual where every jump
// lands on one short header.
func (w *window) jumps(n int) (before int) {
	before, w.jump = w.jump, n
	return before
}

// prefetch brings the n bytes at off in with one read, as far as a window holds them: structure known
// to lie together.
func (w *window) prefetch(off, n int64) {
	n = min(n, windowSize, w.size-off)
	if w.err != nil || off < 0 || n <= 0 || (off >= w.start && off+n <= w.start+int64(w.n)) {
		return
	}
	w.refill(off, int(n))
}

// refill moves the window so that it holds the n bytes at off, and some behind them.
func (w *window) refill(off int64, n int) {
	ahead := w.jump
	if w.n == 0 {
		ahead = firstRead
	} else if off >= w.start && off <= w.start+int64(w.n) {
		ahead = 2 * w.n
	}
	want := min(int64(max(n, ahead)), windowSize, w.size-off)
	if w.readLeft -= want; w.readLeft < 0 {
		w.err = ErrBudget
		return
	}
	got, err := w.r.ReadAt(w.buf[:want], off)
	w.start, w.n = off, got
	if got < n {
		w.err = fmt.Errorf("read %d bytes at %d: %w", want, off, noEOF(err))
	}
}

// noEOF turns the end of the file into an unexpected one: the file was longer when it was measured.
func noEOF(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
