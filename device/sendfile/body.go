package sendfile

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Part is a piece of a body: Bytes, or a range of a file.
type Part struct {
	Bytes []byte
	// Open is called when the part's turn comes, on a goroutine that may block, and what it returns is closed when the part
	// is sent. An error, or a file shorter than Offset plus Length, truncates the transfer.
	Open           func() (*os.File, error)
	Offset, Length int64
}

func (p *Part) size() int64 {
	if p.Open == nil {
		return int64(len(p.Bytes))
	}
	return p.Length
}

// body is a list of parts and a place in them. It is an io.ReadSeeker for http.ServeContent, and sends itself. One
// goroutine at a time uses it.
type body struct {
	parts []Part
	size  int64
	i     int   // part the place is in; len(parts) at the end
	off   int64 // place within it
	file  *file // that part's, once it is open
	fds   *files
	moved int64 // what send sent

	mayPend bool // a Conn need not send it to its end
}

// Errors of a body: what it promised is not there, or not yet.
var (
	errTruncated = errors.New("file is shorter than promised")
	errCold      = errors.New("not in the page cache")
)

func newBody(fds *files, parts []Part) *body {
	b := &body{parts: parts, fds: fds}
	for i := range parts {
		b.size += parts[i].size()
	}
	return b
}

// Seek is io.Seeker's.
func (b *body) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at()
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d: %w", offset, os.ErrInvalid)
	}
	b.shut()
	b.i, b.off = 0, offset
	for b.i < len(b.parts) && b.off >= b.parts[b.i].size() {
		b.off -= b.parts[b.i].size()
		b.i++
	}
	return offset, nil
}

func (b *body) at() int64 {
	at := b.off
	for i := range b.i {
		at += b.parts[i].size()
	}
	return at
}

// Read is io.Reader's, for what the engine does not send.
func (b *body) Read(p []byte) (int, error) {
	part, err := b.current()
	if err != nil {
		return 0, err
	}
	if left := part.size() - b.off; int64(len(p)) > left {
		p = p[:left]
	}
	if part.Open == nil {
		n := copy(p, part.Bytes[b.off:])
		b.off += int64(n)
		return n, nil
	}
	n, err := b.file.ReadAt(p, part.Offset+b.off)
	b.off += int64(n)
	switch {
	case n > 0:
		return n, nil
	case err == io.EOF:
		return 0, errTruncated
	}
	return 0, err
}

// send sends up to n bytes of the part it is at. It returns EAGAIN with what it sent when that is less: the socket is full,
// or the file has ended and another call will tell. At the end it returns io.EOF.
func (b *body) send(fd int, n int64, mayWait bool) (int64, error) {
	part, err := b.current()
	if err != nil {
		return 0, err
	}
	n = min(n, part.size()-b.off)
	var sent int64
	if part.Open == nil {
		sent, err = sendBytes(fd, part.Bytes[b.off:b.off+n], b.i+1 < len(b.parts))
	} else {
		sent, err = sendRange(fd, b.file.File, part.Offset+b.off, n, mayWait)
	}
	b.off += sent
	b.moved += sent
	if err == nil && sent < n {
		err = unix.EAGAIN
	}
	return sent, err
}

// current returns the part the place is in, opened.
func (b *body) current() (*Part, error) {
	for b.i < len(b.parts) && b.off == b.parts[b.i].size() { // empty ones too
		b.shut()
		b.i, b.off = b.i+1, 0
	}
	if b.i == len(b.parts) {
		return nil, io.EOF
	}
	part := &b.parts[b.i]
	if part.Open == nil || b.file != nil {
		return part, nil
	}
	return part, b.openPart(part)
}

func (b *body) openPart(part *Part) error {
	f, err := part.Open()
	if err != nil {
		return err
	}
	b.file, err = b.fds.share(f)
	return err
}

// shut gives the open file back, unless it is the only one: that was open before the response began.
func (b *body) shut() {
	if len(b.parts) > 1 {
		b.close()
	}
}

// close gives up the open file. It may be called again.
func (b *body) close() {
	if b.file != nil {
		b.fds.unshare(b.file)
		b.file = nil
	}
}

// sendBytes sends p, holding back an incomplete segment if more follows at once, send(2).
func sendBytes(fd int, p []byte, more bool) (int64, error) {
	flags := unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	if more {
		flags |= unix.MSG_MORE
	}
	for {
		n, err := sendNow(fd, p, flags)
		if err != unix.EINTR {
			return int64(n), err
		}
	}
}

// sendRange wraps sendfile(2), which may block for a disk only if mayWait. A file that ends before off yields errTruncated.
func sendRange(fd int, f *os.File, off, n int64, mayWait bool) (int64, error) {
	const most = 1 << 30 // what the system call takes fits an int on every machine
	for {
		var k int
		var err error
		if mayWait {
			k, err = unix.Sendfile(fd, int(f.Fd()), &off, int(min(n, most)))
		} else {
			k, err = sendfileNow(fd, int(f.Fd()), off, int(min(n, most)))
		}
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case k == 0:
			return 0, errTruncated
		}
		return int64(k), nil
	}
}
