package httpd

import (
	"encoding/base64"
	"net/http"
	"strings"

	"clipd/device/api"
	"clipd/store"
)

// partial answers with the media files that are not settled, by path, each with its reason.
func (s *Server) partial(w http.ResponseWriter, r *http.Request, _ caller) error {
	p := s.query(r, "limit", "cursor")
	limit := p.limit()
	// The cursor is a path, which may be any bytes.
	after, err := base64.RawURLEncoding.DecodeString(p.text("cursor"))
	if err != nil {
		p.fail("cursor is malformed", "Use next of the answer before.")
	}
	if p.err != nil {
		return p.err
	}
	rows, err := s.cfg.Store.Partials(string(after), limit+1)
	if err != nil {
		return err
	}
	more := len(rows) > limit
	rows = rows[:min(limit, len(rows))]
	out := startArray(w, "partial")
	for _, row := range rows {
		if err := out.add(partialJSON(row)); err != nil {
			s.cut(r, err)
		}
	}
	if more {
		out.end("next", base64.RawURLEncoding.EncodeToString([]byte(rows[limit-1].Path)))
		return nil
	}
	out.end()
	return nil
}

func partialJSON(p store.Partial) any {
	return struct {
		Path   string   `json:"path"`
		Size   int64    `json:"size"`
		Mtime  api.Time `json:"mtime"`
		Reason string   `json:"reason"`
		Since  api.Time `json:"since"`
	}{strings.ToValidUTF8(p.Path, "\uFFFD"), p.Size, api.Time{Time: p.Mtime}, p.Reason, api.Time{Time: p.Since}}
}
