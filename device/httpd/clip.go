package httpd

import (
	"net/http"
	"strings"

	"clipd/device/api"
	"clipd/store"
)

// pathID is the clip id of the address: {id}, or {id}.jpg for a poster.
func pathID(r *http.Request) (store.ID, error) {
	text := r.PathValue("id")
	id, err := store.ParseID(strings.TrimSuffix(text, ".jpg"))
	if err != nil {
		return store.ID{}, badRequest("id is malformed", "A clip id has 16 characters, 0 to 9 and a to v.")
	}
	return id, nil
}

// find is the clip the address names, at any stage: a file that is seen answers by id before it is listed.
func (s *Server) find(r *http.Request) (store.Clip, error) {
	id, err := pathID(r)
	if err != nil {
		return store.Clip{}, err
	}
	c, _, err := s.cfg.Store.Clip(id)
	return c, err
}

func (s *Server) clip(w http.ResponseWriter, r *http.Request, _ caller) error {
	c, err := s.find(r)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, clipJSON(c, s.base(r)))
}

// clipJSON is c with absolute addresses below base. They are not signed: who lists clips has a token.
func clipJSON(c store.Clip, base string) api.Clip {
	a := api.FromClip(c)
	a.URL = base + a.URLPath
	if c.Poster != "" {
		a.PosterURL = base + api.PosterPath(c)
	}
	return a
}

// base is what comes before a path in an absolute URL, without a slash at its end.
func (s *Server) base(r *http.Request) string {
	if s.cfg.PublicURL != "" {
		return strings.TrimSuffix(s.cfg.PublicURL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// pin keeps a clip from retention (PUT) or no longer does (DELETE), and answers with the clip as it then is.
func (s *Server) pin(w http.ResponseWriter, r *http.Request, _ caller) error {
	c, err := s.find(r)
	if err != nil {
		return err
	}
	pinned := r.Method == http.MethodPut
	if err := s.cfg.Store.Apply(r.Context(), store.Pin(c.ID, pinned)); err != nil {
		return err
	}
	c.Pinned = pinned
	return reply(w, http.StatusOK, clipJSON(c, s.base(r)))
}

func (s *Server) removeClip(w http.ResponseWriter, r *http.Request, as caller) error {
	c, err := s.find(r)
	if err != nil {
		return err
	}
	if err := s.cfg.Remove(r.Context(), c.ID, "deleted over HTTP by "+as.token.Name); err != nil {
		return err
	}
	s.cfg.Log.Info("clip deleted", "clip", c.ID, "path", c.Path, "by", as.token.Name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
