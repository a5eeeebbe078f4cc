package httpd

import (
	"io"
	"net/http"
)

// maxPatch is the most that a change of settings may have; all the settings there are fit several times.
const maxPatch = 32 << 10

func (s *Server) settings(w http.ResponseWriter, r *http.Request, _ caller) error {
	return reply(w, http.StatusOK, s.cfg.Settings())
}

// saveSettings takes a JSON merge patch. The connection is closed, as the server that has it is about to end.
func (s *Server) saveSettings(w http.ResponseWriter, r *http.Request, as caller) error {
	patch, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPatch))
	if err != nil {
		return badRequest("The body cannot be read", "Settings have at most 32 KiB.")
	}
	if err := s.changeSettings(patch, as); err != nil {
		return err
	}
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func (s *Server) changeSettings(patch []byte, as caller) error {
	if err := s.cfg.SaveSettings(patch); err != nil {
		return err
	}
	s.cfg.Log.Info("settings changed", "by", as.token.Name)
	return nil
}

// confirmSettings keeps settings that wait for it; {"keep":false} undoes them.
func (s *Server) confirmSettings(w http.ResponseWriter, r *http.Request, as caller) error {
	ask := struct {
		Keep bool `json:"keep"`
	}{true}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	if err := s.cfg.ConfirmSettings(ask.Keep); err != nil {
		return err
	}
	s.cfg.Log.Info("settings confirmed or undone", "kept", ask.Keep, "by", as.token.Name)
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// log answers with the end of the box's log, as a file.
func (s *Server) log(w http.ResponseWriter, r *http.Request, _ caller) error {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="clipd-`+s.cfg.Box.ID+`-log.txt"`)
	h.Set("Cache-Control", "no-store")
	if _, err := s.cfg.LogTail(w); err != nil && r.Context().Err() == nil {
		s.cfg.Log.Warn("the log was not sent whole", "error", err)
	}
	return nil
}
