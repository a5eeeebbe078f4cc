package store

import (
	"sync/atomic"
	"time"
)

// busy is since when the writer has been at one transaction. The zero busy is idle.
type busy struct{ since atomic.Pointer[time.Time] }

func (b *busy) begin() { now := time.Now(); b.since.Store(&now) }
func (b *busy) end()   { b.since.Store(nil) }

// Alive reports whether the writer has been at its present transaction for less than patience, or is idle. It does not
// block.
func (s *Store) Alive(patience time.Duration) bool {
	since := s.busy.since.Load()
	return since == nil || time.Since(*since) < patience
}
