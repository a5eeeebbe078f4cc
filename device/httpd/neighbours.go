package httpd

import (
	"time"

	"clipd/store"
)

// neighbours are the clips listed right after and right before c under f; the zero ID where there is none.
func (s *Server) neighbours(c store.Clip, f filter) (newer, older store.ID, err error) {
	q := f.query()
	if end := c.Start.Add(time.Millisecond); q.To.IsZero() || end.Before(q.To) {
		q.To = end
	}
	if older, err = s.following(c.ID, q); err != nil {
		return newer, older, err
	}
	q = f.query()
	q.Order = store.OldestFirst
	if begin := c.Start.Add(-time.Millisecond); begin.After(q.From) {
		q.From = begin
	}
	newer, err = s.following(c.ID, q)
	return newer, older, err
}

// following is the clip behind id in q, whose listing begins at about id.
func (s *Server) following(id store.ID, q store.Query) (store.ID, error) {
	const few = 16 // cameras rarely begin more clips than that in the same instant
	q.Limit = few
	page, err := s.cfg.Store.List(q)
	if err != nil {
		return store.ID{}, err
	}
	for i, c := range page.Clips {
		if c.ID == id && i+1 < len(page.Clips) {
			return page.Clips[i+1].ID, nil
		}
	}
	return store.ID{}, nil
}
