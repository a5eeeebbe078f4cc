package httpd

import (
	"errors"
	"net/http"
	"time"

	"clipd/device/api"
	"clipd/device/link"
	"clipd/store"
)

// How long links live: when nothing is asked for, and at most by role.
const (
	linkTTL         = time.Hour
	maxViewerLink   = 24 * time.Hour
	maxOperatorLink = 30 * 24 * time.Hour
)

var (
	errLinkBad = api.NewProblem(api.LinkBad, "This link is not valid",
		"It is not complete, was made for something else, or all links were revoked. Ask for a new one.")
	errLinkExpired = api.NewProblem(api.LinkExpired, "This link has expired", "Ask for a new one.")
)

// checkLink checks the signature in r for the clip or poster its path names.
func (s *Server) checkLink(r *http.Request, what link.What) (time.Duration, error) {
	id, err := pathID(r)
	if err != nil {
		return 0, errLinkBad
	}
	left, err := s.cfg.Links.Check(what, id, r.URL.Query())
	switch {
	case errors.Is(err, link.ErrExpired):
		return 0, errLinkExpired
	case err != nil:
		return 0, errLinkBad
	}
	return left, nil
}

// makeLink answers with a link that opens the clip's bytes without a token.
func (s *Server) makeLink(w http.ResponseWriter, r *http.Request, as caller) error {
	c, err := s.find(r)
	if err != nil {
		return err
	}
	var ask struct {
		TTL string `json:"ttl"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	ttl, err := linkLife(ask.TTL, as.role())
	if err != nil {
		return err
	}
	query, expires := s.cfg.Links.Sign(link.Clip, c.ID, ttl)
	return reply(w, http.StatusOK, struct {
		URL     string   `json:"url"`
		URLPath string   `json:"url_path"`
		Expires api.Time `json:"expires"`
	}{s.base(r) + api.ClipPath(c) + "?" + query, api.ClipPath(c) + "?" + query, api.Time{Time: expires}})
}

// linkLife is the lifetime asked for, cut to what the role may give; the answer tells when the link really ends.
func linkLife(ask string, role store.Role) (time.Duration, error) {
	ttl := linkTTL
	if ask != "" {
		var err error
		if ttl, err = parseDuration(ask); err != nil || ttl < time.Second {
			return 0, badRequest("ttl is not a lifetime", `Use a duration of at least a second, such as "90s", "1h" or "7d".`)
		}
	}
	if role < store.Operator {
		return min(ttl, maxViewerLink), nil
	}
	return min(ttl, maxOperatorLink), nil
}

// revokeLinks voids every link handed out.
func (s *Server) revokeLinks(w http.ResponseWriter, r *http.Request, as caller) error {
	if err := s.cfg.RotateLinks(r.Context()); err != nil {
		return err
	}
	s.cfg.Log.Info("every link handed out is void", "by", as.token.Name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
