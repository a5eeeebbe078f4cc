package store

import "sync"

// durable is the last transaction that is on disk for certain. bbolt shows readers a transaction as soon as its meta page
// is written, which is before that page is flushed; whoever told the world about it could be wrong after a power cut.
// Safe for concurrent use.
type durable struct {
	mu   sync.Mutex
	tx   int
	next chan struct{} // closed when tx is another
}

// reach notes that everything up to tx is on disk.
func (d *durable) reach(tx int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tx = tx
	if d.next != nil {
		close(d.next)
		d.next = nil
	}
}

// waits returns a channel that is closed when more is on disk, nil if tx is there already.
func (d *durable) waits(tx int) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if tx <= d.tx {
		return nil
	}
	if d.next == nil {
		d.next = make(chan struct{})
	}
	return d.next
}

// await blocks until the transaction tx is on disk, which takes one flush at most, or will never be.
func (s *Store) await(tx int) error {
	for {
		next := s.durable.waits(tx)
		if next == nil {
			return nil
		}
		select {
		case <-next:
		case <-s.failed:
			return s.whyFailed()
		}
	}
}
