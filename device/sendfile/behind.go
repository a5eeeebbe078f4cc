package sendfile

import "golang.org/x/sys/unix"

// Of files whose pages are dropped behind a transfer.
const (
	largeFile = 16 << 20
	farBehind = 4 << 20 // what may still be on its way: pages that a socket holds are not dropped
	dropStep  = 1 << 20
	folio     = 4 << 20  // pages are dropped in the groups the kernel has made of them, if the whole group is to go
	ownAhead  = 64 << 20 // readahead goes no further: what lies beyond was in the cache before, and is somebody else's
)

// behind is what one transfer has brought into the page cache and not dropped yet: bytes from to to of the file in hand.
//
// Measured in a memory cgroup of 48 MiB, with a download of 256 MiB at up to 60 MB/s and a reader that goes on using 16 MiB
// at 100 to 5,000 pages a second: without dropping, 1 to 6 % of the reader's pages were left in the cache at the end (15 to
// 84 % at 5,000 pages a second) and one of its reads took 0.16 to 2.1 ms in the mean; with it 98 to 100 % were left, and a
// read took 3 to 15 µs. Asking for more readahead besides, FADV_WILLNEED, made nothing faster.
type behind struct {
	begin, from, to int64 // what lies between begin and from was to be dropped before
	disk            int64 // where the disk was last waited for
	some            bool  // it was
}

// waitsForDisk notes that what is at the place has to be read from the disk. Readahead brings more than what is waited for.
func (b *body) waitsForDisk() {
	if b.file == nil {
		return
	}
	at := b.part.Offset + b.at - b.from
	if own := &b.behind; !own.some || at < own.to || at > own.disk+ownAhead {
		*own = behind{begin: at, from: at, to: at}
	}
	b.behind.disk, b.behind.some = at, true
}

// sent notes that the file in hand was sent up to there, and drops what is far behind.
func (b *body) sent(to int64) {
	own := &b.behind
	if !own.some || to > own.disk+ownAhead {
		return
	}
	own.to = to
	if end := to - farBehind; end-own.from >= dropStep {
		b.drop(end)
	}
}

// drop drops what was brought in before end, unless the file is small, or another transfer of it wants its pages too.
func (b *body) drop(end int64) {
	if b.behind.some && b.file.key.size >= largeFile && b.fds.alone(b.file) {
		from := max(b.behind.begin, b.behind.from-folio)
		_ = unix.Fadvise(int(b.file.Fd()), from, end-from, unix.FADV_DONTNEED) // where it cannot, nothing is lost
	}
	b.behind.from = end
}
