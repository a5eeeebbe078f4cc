package httpd

import (
	"net/http"
	"strings"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// caller is who asks. The zero caller is nobody in particular.
type caller struct {
	token  store.Token
	secret string        // of the Bearer token; "" for a browser session
	left   time.Duration // how long the signed link stays good that let the caller in; 0 without one
}

func (as caller) role() store.Role { return as.token.Role }

// Why nobody is let in.
var (
	errNoToken = api.NewProblem(api.Unauthorized, "This needs a token", "Send Authorization: Bearer TOKEN, or sign in at /.")
	errToken   = api.NewProblem(api.Unauthorized, "This token is not known",
		"It was revoked, or never was this box's. clipd -add-token makes another.")
	errSession = api.NewProblem(api.Unauthorized, "The sign-in has ended", "Sign in again at /.")
)

// admit lets in whoever may use rt.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, rt route) (caller, error) {
	if rt.role == store.NoRole {
		return caller{}, nil
	}
	as, err := s.identify(r, rt)
	switch {
	case err != nil:
		challenge(w, err)
		return caller{}, err
	case as.left > 0 || as.role() >= rt.role:
		return as, nil
	}
	return caller{}, api.NewProblem(api.Forbidden, "This needs the role "+rt.role.String(),
		"The token "+as.token.Name+" is a "+as.role().String()+"'s.")
}

// challenge adds what RFC 9110 §11.6.1 and RFC 6750 §3 ask of a 401.
func challenge(w http.ResponseWriter, err error) {
	switch err {
	case errToken:
		w.Header().Set("WWW-Authenticate", `Bearer realm="clipd", error="invalid_token"`)
	case errNoToken, errSession:
		w.Header().Set("WWW-Authenticate", `Bearer realm="clipd"`)
	}
}

// identify finds out who asks: by Bearer token, else by a signed link for what rt serves, else by the session cookie.
func (s *Server) identify(r *http.Request, rt route) (caller, error) {
	if secret, ok := bearer(r); ok {
		t, ok := s.cfg.Tokens.Check(secret)
		if !ok {
			return caller{}, errToken
		}
		return caller{token: t, secret: secret}, nil
	}
	var linkErr error
	if rt.link != "" && r.URL.Query().Has("sig") {
		left, err := s.checkLink(r, rt.link)
		if err == nil {
			return caller{left: left}, nil
		}
		linkErr = err
	}
	as, err := s.byCookie(r)
	if err != nil && linkErr != nil {
		return caller{}, linkErr
	}
	return as, err
}

// byCookie finds the session of a browser. Only such requests can be forged by other sites, so only they are checked
// for the name the browser used and for the site that sent them.
func (s *Server) byCookie(r *http.Request) (caller, error) {
	if _, err := r.Cookie(s.sessions.cookie); err != nil {
		return caller{}, errNoToken
	}
	if err := s.sameSite(r); err != nil {
		return caller{}, err
	}
	t, ok := s.sessions.find(r)
	if !ok {
		return caller{}, errSession
	}
	return caller{token: t}, nil
}

// sameSite refuses what another site made the browser send.
func (s *Server) sameSite(r *http.Request) error {
	if !s.hosts.known(r.Host) {
		return api.NewProblem(api.WrongHost, "This box does not know the name "+hostOnly(r.Host),
			"Use its address, or add the name to http.hosts in its configuration.")
	}
	if err := s.crossOrigin.Check(r); err != nil {
		return api.NewProblem(api.Forbidden, "Another site sent this request", "Do it on the box's own page.")
	}
	return nil
}

// valid says whether the caller would still be let in: what stays open long asks now and then.
func (s *Server) valid(r *http.Request, as caller) bool {
	if as.secret != "" {
		_, ok := s.cfg.Tokens.Check(as.secret)
		return ok
	}
	_, ok := s.sessions.find(r)
	return ok
}

// bearer is the token of the Authorization header (RFC 6750 §2.1). Other schemes are a proxy's business.
func bearer(r *http.Request) (secret string, ok bool) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(secret), strings.EqualFold(scheme, "Bearer")
}
