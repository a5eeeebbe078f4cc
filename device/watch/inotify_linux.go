package watch

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// What is asked of every folder, inotify(7). IN_EXCL_UNLINK: a deleted file that is still written to is no news.
// IN_MODIFY is not asked for: it would come with every write of every recorder.
const (
	folderMask = unix.IN_CLOSE_WRITE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_CREATE | unix.IN_DELETE | unix.IN_ATTRIB |
		unix.IN_ONLYDIR | unix.IN_DONT_FOLLOW | unix.IN_EXCL_UNLINK
	// The tree's own folder may be behind a link; it has no parent that would tell of its end.
	rootMask = folderMask&^unix.IN_DONT_FOLLOW | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	rootEnds = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_UNMOUNT | unix.IN_IGNORED
)

// inotify is one instance: the kernel's queue and the watches that feed it.
type inotify struct {
	file    *os.File // in the runtime's poller, so that a deadline ends a read at once
	fd      int
	refused error // there is no instance to be had: nothing can be watched, and the queue stays silent
	buf     [64 << 10]byte
}

func openInotify() (*inotify, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if errors.Is(err, unix.EMFILE) {
		return silent(err)
	}
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	return &inotify{file: os.NewFile(uintptr(fd), "inotify"), fd: fd}, nil
}

// silent is a queue into which nobody writes.
func silent(why error) (*inotify, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &inotify{file: os.NewFile(uintptr(fd), "silent"), fd: fd, refused: os.NewSyscallError("inotify_init1", why)}, nil
}

// watch returns the number of the folder at path. It is the number it had if that very folder is watched already,
// under whatever name: inotify(7) goes by inode.
func (q *inotify) watch(path string, mask uint32) (int32, error) {
	if q.refused != nil {
		return none, q.refused
	}
	wd, err := unix.InotifyAddWatch(q.fd, path, mask)
	if err != nil {
		return none, os.NewSyscallError("inotify_add_watch", err)
	}
	return int32(wd), nil
}

// forget ends a watch. It may have ended already.
func (q *inotify) forget(wd int32) { _, _ = unix.InotifyRmWatch(q.fd, uint32(wd)) }

// read returns whole events, valid until the next read. os.ErrDeadlineExceeded after until, or when wake was called.
func (q *inotify) read(ctx context.Context, until time.Time) ([]byte, error) {
	if err := q.file.SetReadDeadline(until); err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // wake may have come before our deadline
		return nil, ctx.Err()
	}
	n, err := q.file.Read(q.buf[:])
	return q.buf[:max(n, 0)], err
}

// wake ends a read that is going on. The descriptor stays ours until close: a number given back while Run still adds
// watches to it could be somebody else's by then.
func (q *inotify) wake() { _ = q.file.SetReadDeadline(time.Unix(1, 0)) }

func (q *inotify) close() { _ = q.file.Close() }

// raw is struct inotify_event. name is valid until the next read.
type raw struct {
	wd     int32
	mask   uint32
	cookie uint32
	name   []byte
}

func (e raw) is(mask uint32) bool { return e.mask&mask != 0 }

// next takes the first event off b. The kernel writes whole events only, and pads names with NULs.
func next(b []byte) (e raw, rest []byte) {
	order := binary.NativeEndian
	e = raw{wd: int32(order.Uint32(b)), mask: order.Uint32(b[4:]), cookie: order.Uint32(b[8:])}
	end := unix.SizeofInotifyEvent + int(order.Uint32(b[12:]))
	e.name, _, _ = bytes.Cut(b[unix.SizeofInotifyEvent:end], []byte{0})
	return e, b[end:]
}
