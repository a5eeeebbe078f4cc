package httpd

import (
	"sync"

	"clipd/device/sendfile"
	"clipd/store"
)

// Transfers is how many responses with a file body are on their way.
func (s *Server) Transfers() int { return s.engine.Stats().Transfers }

// Stats is what connections and transfers do and have done.
func (s *Server) Stats() sendfile.Stats { return s.engine.Stats() }

// Fetching reports whether bytes of a clip are on their way to somebody, alone or in an archive. Safe for concurrent use.
func (s *Server) Fetching(id store.ID) bool { return s.fetched.has(id) || s.archives.have(id) }

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

func (f *fetched) has(id store.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.by[id] > 0
}
