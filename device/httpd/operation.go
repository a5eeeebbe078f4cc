package httpd

import (
	"net/http"

	"clipd/device/api"
)

func (s *Server) status(w http.ResponseWriter, r *http.Request, _ caller) error {
	return reply(w, http.StatusOK, s.cfg.Status())
}

func (s *Server) adopt(w http.ResponseWriter, r *http.Request, as caller) error {
	if err := s.adoptDisk(r, as); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// adoptDisk accepts the disk that is there now as the box's own.
func (s *Server) adoptDisk(r *http.Request, as caller) error {
	if err := s.cfg.Adopt(r.Context()); err != nil {
		return err
	}
	s.cfg.Log.Info("disk adopted", "root", s.cfg.Root.Dir(), "by", as.token.Name)
	s.cfg.Rescan()
	return nil
}

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request, _ caller) error {
	return say(w, "text/plain; charset=utf-8", []byte("ok\n"))
}

// readyz says that the box does its work.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request, _ caller) error {
	if !s.cfg.Ready() {
		return api.NewProblem(api.Busy, "The box is starting", "Ask again in a moment.")
	}
	return say(w, "text/plain; charset=utf-8", []byte("ready\n"))
}

// document answers with one of the two descriptions of what travels.
func (s *Server) document(w http.ResponseWriter, r *http.Request, _ caller) error {
	text := api.OpenAPI
	if r.URL.Path == "/api/asyncapi.yaml" {
		text = api.AsyncAPI
	}
	return say(w, "application/yaml", text) // RFC 9512
}

func (s *Server) writeMetrics(w http.ResponseWriter, r *http.Request, _ caller) error {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	s.metrics.set.WritePrometheus(w)
	if s.cfg.Metrics != nil {
		s.cfg.Metrics(w)
	}
	return nil
}

func say(w http.ResponseWriter, mediaType string, text []byte) error {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(text)
	return nil
}
