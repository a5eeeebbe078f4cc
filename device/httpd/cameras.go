package httpd

import (
	"net/http"
	"strings"

	"clipd/device/api"
)

// cameras answers with every source of clips and its running totals.
func (s *Server) cameras(w http.ResponseWriter, r *http.Request, _ caller) error {
	if p := s.query(r); p.err != nil {
		return p.err
	}
	known, err := s.cfg.Store.Cameras()
	if err != nil {
		return err
	}
	type camera struct {
		Name   string   `json:"name"`
		Clips  int      `json:"clips"`
		Bytes  int64    `json:"bytes"`
		Oldest api.Time `json:"oldest"`
		Newest api.Time `json:"newest"`
	}
	out := startArray(w, "cameras")
	for _, c := range known {
		name := strings.ToValidUTF8(c.Name, "\uFFFD")
		if err := out.add(camera{name, c.Clips, c.Bytes, api.Time{Time: c.Oldest}, api.Time{Time: c.Newest}}); err != nil {
			s.cut(r, err)
		}
	}
	out.end()
	return nil
}

// latest sends the client on to the bytes of a camera's newest clip. The reference is relative: a proxy may serve the
// box below a path.
func (s *Server) latest(w http.ResponseWriter, r *http.Request, _ caller) error {
	c, err := s.cfg.Store.Latest(r.PathValue("camera"))
	if err != nil {
		return err
	}
	w.Header().Set("Location", "../../../.."+api.ClipPath(c))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
	return nil
}
