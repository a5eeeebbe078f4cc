package sendfile

import (
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// disk is the few goroutines that may wait for one. They exist only while there is something to wait for.
type disk struct {
	workers int
	mu      sync.Mutex
	queue   []*sock
	busy    int
	stopped bool
	idle    sync.WaitGroup
}

// perFile is how many workers may wait for one file at once: a file on a slow disk leaves workers to the others.
const perFile = 2

func newDisk(workers int) *disk { return &disk{workers: workers} }

// toDisk gives the transfer of s to a disk worker for one turn.
func (e *Engine) toDisk(s *sock) {
	e.mu.Lock()
	e.setLocked(s, away)
	e.mu.Unlock()
	e.stats.cold.Add(1)
	d := e.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return // its loop ends it
	}
	d.queue = append(d.queue, s)
	if d.busy < d.workers {
		d.busy++
		d.idle.Go(func() { e.readDisk() })
	}
}

// stop waits until no worker has anything under way. What is queued stays away, for its loop to end.
func (d *disk) stop() {
	d.mu.Lock()
	d.stopped = true
	d.mu.Unlock()
	d.idle.Wait()
}

// next returns the first transfer whose file has a worker to spare, or nil, which ends the worker.
func (d *disk) next() *sock {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.queue, func(s *sock) bool {
		f := s.job.body.file
		return f == nil || f.disk.Load() < perFile
	})
	if i < 0 || d.stopped {
		d.busy--
		return nil
	}
	s := d.queue[i]
	if f := s.job.body.file; f != nil {
		f.disk.Add(1)
	}
	d.queue = slices.Delete(d.queue, i, i+1)
	return s
}

// readDisk moves what waits for a disk until nothing does.
func (e *Engine) readDisk() {
	for s := e.disk.next(); s != nil; s = e.disk.next() {
		f := s.job.body.file
		s.job.body.waitsForDisk()
		err := e.turn(s.fd, s.job, diskQuantum, true)
		if f != nil {
			f.disk.Add(-1)
		}
		if err != nil && err != unix.EAGAIN || s.job.left == 0 {
			e.finish(s, err)
			continue
		}
		e.mu.Lock()
		e.setLocked(s, sending)
		e.mu.Unlock()
	}
}

// diskQuantum is what one turn may read from a disk: one that is slow gives it in a fraction of a second.
const diskQuantum = 256 << 10

// cold says whether sending n bytes from where b stands would wait for a disk, or for a part to be found or opened.
func (b *body) cold(n int64) bool {
	switch {
	case b.at >= b.parts.Size:
		return false
	case !b.within():
		return true
	case b.part.Open == nil:
		return false
	case b.file == nil:
		return true
	}
	return b.file.cold(b.part.Offset+b.at-b.from, min(n, b.to-b.at))
}

// cold says whether any of the n bytes at off is not in the page cache, as far as the file system tells: preadv2(2) with
// RWF_NOWAIT, else cachestat(2). Where neither works every read may have to wait for the disk.
func (f *file) cold(off, n int64) bool {
	const step = 128 << 10 // readahead brings no less at once
	if f.blind.Load() {
		return true
	}
	for at := off; ; at = min(at+step, off+n-1) {
		switch cached, err := inCache(int(f.Fd()), at); {
		case err != nil:
			f.blind.Store(true)
			return true
		case !cached:
			return true
		case at == off+n-1:
			return false
		}
	}
}

func inCache(fd int, at int64) (bool, error) {
	_, err := cachedNow(fd, at)
	switch {
	case err == nil:
		return true, nil // the end of the file too: sendfile says so
	case err == unix.EAGAIN:
		return false, nil
	case err != unix.EOPNOTSUPP:
		return false, err
	}
	var stat unix.Cachestat_t
	err = unix.Cachestat(uint(fd), &unix.CachestatRange{Off: uint64(at), Len: 1}, &stat, 0)
	return stat.Cache > 0, err
}
