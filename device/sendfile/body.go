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

// Parts is a body whose parts are asked for when their turn comes: one of ten thousand files costs no more than one of two.
type Parts struct {
	Size int64 // of the body
	// At returns the part that holds byte off, 0 <= off < Size, and at which byte of the body that part begins. A transfer
	// calls it on a goroutine that may block, one call after another. An error truncates the transfer.
	At func(off int64) (part Part, begins int64, err error)
}

// body is parts and a place in them. It is an io.ReadSeeker for http.ServeContent, and sends itself. One goroutine at a
// time uses it.
type body struct {
	parts    Parts
	at       int64 // the place
	part     Part  // what is there
	from, to int64 // where part begins and ends; both 0: there is none yet
	file     *file // part's, once it is open
	fds      *files
	moved    int64 // what send sent
	behind   behind
	found    found

	mayPend bool // a Conn need not send it to its end
}

// Errors of a body: what it promised is not there, or not yet.
var (
	errTruncated = errors.New("file is shorter than promised")
	errCold      = errors.New("not in the page cache")
)

func newBody(fds *files, parts Parts) *body { return &body{parts: parts, fds: fds} }

// fileBody is all of f, which it takes over.
func fileBody(fds *files, f *os.File) (*body, error) {
	own, err := fds.share(f)
	if err != nil {
		return nil, err
	}
	size := own.key.size
	b := newBody(fds, Parts{Size: size})
	b.part = Part{Open: func() (*os.File, error) { return nil, os.ErrClosed }, Length: size}
	b.file, b.to = own, size
	return b, nil
}

// Seek is io.Seeker's.
func (b *body) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.parts.Size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d: %w", offset, os.ErrInvalid)
	}
	b.at, b.found = offset, found{}
	return offset, nil
}

// Read is io.Reader's, for what the engine does not send.
func (b *body) Read(p []byte) (int, error) {
	if err := b.ready(); err != nil {
		return 0, err
	}
	if left := b.to - b.at; int64(len(p)) > left {
		p = p[:left]
	}
	if b.part.Open == nil {
		n := copy(p, b.part.Bytes[b.at-b.from:])
		b.at += int64(n)
		return n, nil
	}
	n, err := b.file.ReadAt(p, b.part.Offset+b.at-b.from)
	b.at += int64(n)
	switch {
	case n > 0:
		return n, nil
	case err == io.EOF:
		return 0, errTruncated
	}
	return 0, err
}

// send sends up to n bytes of the part it is at; more says that others follow at once. It returns EAGAIN with what it
// sent when that is less: the socket is full, or the file has ended and another call will tell. At the end it returns
// io.EOF.
func (b *body) send(fd int, n int64, more, mayWait bool) (int64, error) {
	if err := b.ready(); err != nil {
		return 0, err
	}
	if left := b.to - b.at; n > left {
		n, more = left, true
	}
	var sent int64
	var err error
	if begin := b.at - b.from; b.part.Open == nil {
		sent, err = sendBytes(fd, b.part.Bytes[begin:begin+n], more)
	} else {
		sent, err = sendRange(fd, b.file.File, b.part.Offset+begin, n, mayWait)
		b.sent(b.part.Offset + begin + sent)
	}
	b.at += sent
	b.moved += sent
	if err == nil && sent < n {
		err = unix.EAGAIN
	}
	return sent, err
}

// within says whether the part in hand is the one that the place is in.
func (b *body) within() bool { return b.from <= b.at && b.at < b.to }

// ready sees to it that the part at the place is in hand, and open.
func (b *body) ready() error {
	if b.at >= b.parts.Size {
		return io.EOF
	}
	if !b.within() {
		b.close()
		part, begins, err := b.parts.At(b.at)
		if err != nil {
			return err
		}
		b.part, b.from, b.to = part, begins, begins+part.size()
		if !b.within() {
			return fmt.Errorf("part at %d: %w", b.at, os.ErrInvalid)
		}
	}
	if b.part.Open == nil || b.file != nil {
		return nil
	}
	f, err := b.part.Open()
	if err == nil {
		b.file, err = b.fds.share(f)
	}
	return err
}

// close gives up the open file. It may be called again.
func (b *body) close() {
	if b.file != nil {
		b.behind.from = b.behind.begin // some may have been on their way when it was their turn
		b.drop(b.behind.to)
		b.fds.unshare(b.file)
		b.file, b.behind, b.found = nil, behind{}, found{}
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
