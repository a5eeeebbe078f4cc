package httpd

import (
	"maps"
	"slices"
	"sync"

	"clipd/device/sendfile"
	"clipd/store"
)

// Transfers is how many responses with a file body are on their way.
func (s *Server) Transfers() int { return s.engine.Stats().Transfers }

// Stats is what connections and transfers do and have done.
func (s *Server) Stats() sendfile.Stats { return s.engine.Stats() }

// Fetching is the clips of which bytes are on their way to somebody, in no order. Safe for concurrent use.
func (s *Server) Fetching() []store.ID { return s.fetched.list() }

// fetched counts the transfers of each clip that has any.
type fetched struct {
	mu sync.Mutex
	by map[store.ID]int
}

func (f *fetched) add(id store.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = map[store.ID]int{}
	}
	f.by[id]++
}

func (f *fetched) done(id store.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by[id]--; f.by[id] == 0 {
		delete(f.by, id)
	}
}

func (f *fetched) list() []store.ID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.by))
}
