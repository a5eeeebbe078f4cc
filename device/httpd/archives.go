package httpd

import (
	"context"
	"slices"
	"sync"

	"clipd/store"
)

// Of all archives together.
const (
	maxArchived = 4 * maxArchive // clips in those being fetched: six megabytes of layouts
	layAtOnce   = 2
)

// archives is the layouts in use. Clients that fetch the same archive share one. Safe for concurrent use.
type archives struct {
	like  archive       // what every archive begins with
	turns chan struct{} // held while one is laid out

	mu    sync.Mutex
	inUse map[string]*archive // by ETag
	clips int                 // in all of them
}

func newArchives(cfg Config) *archives {
	return &archives{
		like:  archive{catalogue: cfg.Store, root: cfg.Root, zone: cfg.Location},
		turns: make(chan struct{}, layAtOnce), inUse: map[string]*archive{},
	}
}

// layOut returns the archive of the clips named. It must be given back with done. It waits for its turn.
func (s *archives) layOut(ctx context.Context, ids []store.ID) (*archive, error) {
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a := s.like
	a.ids = ids
	if err := a.lay(ctx); err != nil {
		return nil, err
	}
	return s.share(&a)
}

// share returns the archive in use that is like a, or takes a in use.
func (s *archives) share(a *archive) (*archive, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.inUse[a.etag]
	switch {
	case known != nil:
		a = known
	case s.clips+len(a.ids) > maxArchived:
		return nil, errBusy
	default:
		s.inUse[a.etag] = a
		s.clips += len(a.ids)
	}
	a.users++
	return a, nil
}

func (s *archives) done(a *archive) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.users--; a.users == 0 {
		delete(s.inUse, a.etag)
		s.clips -= len(a.ids)
	}
}

// have says whether a clip is in an archive that is being fetched.
func (s *archives) have(id store.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.inUse {
		if slices.Contains(a.ids, id) {
			return true
		}
	}
	return false
}
