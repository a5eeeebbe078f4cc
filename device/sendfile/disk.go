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
