package httpd

import "net/http"

// retention answers with the rules in force, what goes next, and what waits for a person.
func (s *Server) retention(w http.ResponseWriter, r *http.Request, _ caller) error {
	v, err := s.cfg.Retention()
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, v)
}

// confirmRetention lets go what retention has asked about.
func (s *Server) confirmRetention(w http.ResponseWriter, r *http.Request, as caller) error {
	var ask struct {
		Token string `json:"token"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	if err := s.cfg.ConfirmRetention(r.Context(), ask.Token); err != nil {
		return err
	}
	s.cfg.Log.Info("deletion confirmed", "by", as.token.Name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
