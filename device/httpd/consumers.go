package httpd

import (
	"errors"
	"net/http"

	"clipd/device/api"
	"clipd/store"
)

// ack notes that a consumer has a clip, and has checked it.
func (s *Server) ack(w http.ResponseWriter, r *http.Request, _ caller) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	var ask struct {
		Consumer string `json:"consumer"`
		SHA256   string `json:"sha256"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	if err := s.cfg.Ack(r.Context(), ask.Consumer, id, ask.SHA256); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// consumers answers with everybody who fetches clips and says so.
func (s *Server) consumers(w http.ResponseWriter, r *http.Request, _ caller) error {
	all, err := s.cfg.Store.Consumers()
	if err != nil {
		return err
	}
	out := startArray(w, "consumers")
	for _, c := range all {
		err := out.add(struct {
			Name  string   `json:"name"`
			Seq   uint64   `json:"seq"`
			Acked int      `json:"acked"`
			Lacks int      `json:"lacks"`
			Seen  api.Time `json:"seen"`
		}{text(c.Name), c.Seq, c.Acked, c.Lacks, api.Time{Time: c.Seen}})
		if err != nil {
			s.cut(r, err)
		}
	}
	out.end()
	return nil
}

// dropConsumer forgets a consumer and what it has.
func (s *Server) dropConsumer(w http.ResponseWriter, r *http.Request, as caller) error {
	name := r.PathValue("name")
	err := s.cfg.Store.Apply(r.Context(), store.DropConsumer(name))
	if errors.Is(err, store.ErrNotFound) {
		return api.NewProblem(api.NotFound, "No such consumer", "The consumers are at /api/v1/consumers.")
	}
	if err != nil {
		return err
	}
	s.cfg.Log.Info("consumer forgotten", "consumer", name, "by", as.token.Name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// saw notes that the consumer that r names has everything up to seq. Who never acknowledged a clip is no consumer.
func (s *Server) saw(r *http.Request, seq uint64) {
	name := r.URL.Query().Get("consumer")
	if name == "" {
		return
	}
	err := s.cfg.Store.Apply(r.Context(), store.SawConsumer(name, seq, s.cfg.Clock.Now()))
	if err != nil && !errors.Is(err, store.ErrNotFound) && r.Context().Err() == nil {
		s.cfg.Log.Warn("where a consumer stands was not noted", "consumer", name, "error", err)
	}
}
