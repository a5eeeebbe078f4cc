package httpd

import (
	"net/http"

	"clipd/device/api"
	"clipd/store"
)

// push queues a clip for a target, for all targets, or for a URL. Nothing has been sent when it answers.
func (s *Server) push(w http.ResponseWriter, r *http.Request, as caller) error {
	c, err := s.find(r)
	if err != nil {
		return err
	}
	var ask struct {
		Target string `json:"target"`
		URL    string `json:"url"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	targets, err := s.cfg.Push(r.Context(), c.ID, ask.Target, ask.URL)
	if err != nil {
		return err
	}
	s.cfg.Log.Info("clip queued for a push", "clip", c.ID, "path", c.Path, "targets", targets, "by", as.token.Name)
	return reply(w, http.StatusAccepted, struct {
		ID      string   `json:"id"`
		Targets []string `json:"targets,omitempty"`
	}{c.ID.String(), targets})
}

// queued is a push as it travels. A free URL is a secret: its origin stands for it.
type queued struct {
	ID       string   `json:"id"`
	Target   string   `json:"target"`
	Size     int64    `json:"size"`
	Added    api.Time `json:"added"`
	Attempts int      `json:"attempts"`
	Next     api.Time `json:"next_try"` // null where there will be none
	Error    string   `json:"error,omitempty"`
	Dead     bool     `json:"dead"`
}

func queuedJSON(p store.Push) queued {
	q := queued{
		ID: p.ID.String(), Target: p.Lane(), Size: p.Size, Added: api.Time{Time: p.Added}, Attempts: p.Attempts, Error: p.Error, Dead: p.Dead,
	}
	if !p.Dead {
		q.Next = api.Time{Time: p.Next}
	}
	return q
}

// pushes answers with a piece of what waits to be pushed, and of what was given up.
func (s *Server) pushes(w http.ResponseWriter, r *http.Request, _ caller) error {
	p := s.query(r, "limit", "cursor")
	left, cursor := p.limit(), p.text("cursor")
	if p.err != nil {
		return p.err
	}
	page, err := s.cfg.Store.Pushes(cursor, min(left, pageRows))
	if err != nil {
		return err
	}
	out := startArray(w, "pushes")
	for len(page) > 0 {
		for i := range page {
			if err := out.add(queuedJSON(page[i])); err != nil {
				s.cut(r, err)
			}
		}
		cursor = page[len(page)-1].Key()
		if left -= len(page); left <= 0 {
			out.end("next", cursor)
			return nil
		}
		if page, err = s.cfg.Store.Pushes(cursor, min(left, pageRows)); err != nil {
			s.cut(r, err)
		}
	}
	out.end()
	return nil
}
