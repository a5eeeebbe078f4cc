package httpd

import (
	"net/http"
	"regexp"

	"clipd/device/api"
	"clipd/store"
)

var tokenName = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._@+-]{0,63}$`)

// tokenJSON is a token as it travels; the secret is told once, when it is made.
type tokenJSON struct {
	Name    string     `json:"name"`
	Role    store.Role `json:"role"`
	Created *api.Time  `json:"created,omitempty"`
	Token   string     `json:"token,omitempty"`
}

func (s *Server) tokens(w http.ResponseWriter, r *http.Request, _ caller) error {
	if p := s.query(r); p.err != nil {
		return p.err
	}
	out := startArray(w, "tokens")
	for _, t := range s.cfg.Tokens.List() {
		created := api.Time{Time: t.Created}
		if err := out.add(tokenJSON{Name: t.Name, Role: t.Role, Created: &created}); err != nil {
			s.cut(r, err)
		}
	}
	out.end()
	return nil
}

func (s *Server) addToken(w http.ResponseWriter, r *http.Request, as caller) error {
	var ask struct {
		Name string `json:"name"`
		Role string `json:"role"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	made, err := s.makeToken(ask.Name, ask.Role, as)
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, made)
}

func (s *Server) makeToken(name, word string, as caller) (tokenJSON, error) {
	role, err := store.ParseRole(word)
	switch {
	case !tokenName.MatchString(name):
		return tokenJSON{}, badRequest("name is malformed", "Use up to 64 letters, digits, spaces and . _ @ + -, beginning with a letter or digit.")
	case err != nil:
		return tokenJSON{}, badRequest("role is not known", "Use viewer, operator or admin.")
	case s.tokenRole(name) != store.NoRole:
		return tokenJSON{}, api.NewProblem(api.Conflict, "There is a token of this name", "Revoke it first, or use another name.")
	}
	secret, err := s.cfg.Tokens.Add(name, role)
	if err != nil {
		return tokenJSON{}, err
	}
	s.cfg.Log.Info("token added", "token", name, "role", role, "by", as.token.Name)
	return tokenJSON{Name: name, Role: role, Token: secret}, nil
}

var errNoSuchToken = api.NewProblem(api.NotFound, "No such token", "GET /api/v1/tokens lists them.")

func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request, as caller) error {
	if err := s.endToken(r.PathValue("name"), as); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// endToken ends a token and the sessions that came from it, but never the last admin's: nobody could make another.
func (s *Server) endToken(name string, as caller) error {
	switch role := s.tokenRole(name); {
	case role == store.NoRole:
		return errNoSuchToken
	case role == store.Admin && s.admins() == 1:
		return api.NewProblem(api.Conflict, "This is the last admin token", "Make another admin token first.")
	}
	if err := s.cfg.Tokens.Revoke(name); err != nil {
		return err
	}
	s.cfg.Log.Info("token revoked", "token", name, "by", as.token.Name)
	return nil
}

func (s *Server) tokenRole(name string) store.Role {
	for _, t := range s.cfg.Tokens.List() {
		if t.Name == name {
			return t.Role
		}
	}
	return store.NoRole
}

func (s *Server) admins() (n int) {
	for _, t := range s.cfg.Tokens.List() {
		if t.Role == store.Admin {
			n++
		}
	}
	return n
}
