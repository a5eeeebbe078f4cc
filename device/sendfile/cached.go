package sendfile

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Of what is asked about the page cache.
const (
	leastSpan = 256 << 10   // at once: about what a socket takes
	mostSpan  = 2 << 20     // at once, of a body that goes fast
	step      = 128 << 10   // readahead brings no less
	believed  = time.Second // so long an answer is taken to be true: a slow client's next turn comes much later
)

// found is how far a part was found in the page cache, and when.
type found struct {
	to   int64 // a place in the body
	span int64 // was asked about
	at   time.Duration
}

// warm is how many of the next n bytes can be sent without waiting for a disk. It is 0 if none can, or if their part is yet
// to be found or opened.
func (b *body) warm(n int64, now time.Duration) int64 {
	switch {
	case b.at >= b.parts.Size:
		return n // send says that it ends here
	case !b.within():
		return 0
	case b.part.Open == nil:
		return n
	case b.file == nil:
		return 0
	}
	n = min(n, b.to-b.at)
	if b.at >= b.found.to || now-b.found.at > believed {
		b.look(n, now)
	}
	return min(n, b.found.to-b.at)
}

// look asks how many of the next n bytes are there: about more of them when the last answer did not last.
func (b *body) look(n int64, now time.Duration) {
	span := int64(leastSpan)
	if b.found.span > 0 && now-b.found.at <= believed {
		span = min(2*b.found.span, mostSpan)
	}
	b.found = found{to: b.at + b.file.cached(b.part.Offset+b.at-b.from, min(n, span)), span: span, at: now}
}

// cached is how many of the n bytes from off on are in the page cache, as far as the file system tells. Where it does not,
// every read may have to wait for the disk.
func (f *file) cached(off, n int64) int64 {
	if f.blind.Load() {
		return 0
	}
	if n > step && f.whole(off, n) {
		return n
	}
	known, last := int64(0), off+n-1
	for at := off; ; at = min(at+step, last) {
		switch yes, err := f.holds(at); {
		case err != nil:
			f.blind.Store(true)
			return 0
		case !yes:
			return known
		case at == last:
			return n
		}
		known = at - off
	}
}

// whole says that all n bytes from off on are there, which costs two system calls however many they are. It does not say
// that they are not: cachestat(2) is of Linux 6.5 and for those who may write the file. It counts pages whose bytes are
// still on their way from the disk; those come in order, so the last one tells of the others.
func (f *file) whole(off, n int64) bool {
	if f.noStat.Load() {
		return false
	}
	there, err := pagesNow(int(f.Fd()), off, n)
	if err != nil {
		f.noStat.Store(true)
		return false
	}
	size := int64(os.Getpagesize())
	if there != uint64((off+n-1)/size-off/size+1) {
		return false
	}
	yes, err := f.holds(off + n - 1)
	return yes && err == nil
}

// holds says whether the byte at off is there: preadv2(2) with RWF_NOWAIT, else cachestat(2).
func (f *file) holds(off int64) (bool, error) {
	_, err := cachedNow(int(f.Fd()), off)
	switch {
	case err == nil:
		return true, nil // the end of the file too: sendfile says so
	case err == unix.EAGAIN:
		return false, nil
	case err != unix.EOPNOTSUPP:
		return false, err
	}
	there, err := pagesNow(int(f.Fd()), off, 1)
	return there > 0, err
}
