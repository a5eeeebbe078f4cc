package httpd

import (
	"net/http"

	"clipd/device/api"
	"clipd/store"
)

var (
	errSignInLink = api.NewProblem(api.LinkBad, "This sign-in link was used already or has expired",
		"A sign-in link works once. clipd -add-token NAME=ROLE on the box makes a new one.")
	errSignIn = api.NewProblem(api.Unauthorized, "This token is not known",
		"Look for typing errors. The first token is in the file admin-token in the box's state folder.")
)

// signInLink is what a one-time link or its QR code opens. Without a code it is the sign-in page. HEAD redeems
// nothing: messengers look at links before people do.
func (s *Server) signInLink(w http.ResponseWriter, r *http.Request, _ caller) error {
	code := r.URL.Query().Get("token")
	if code == "" || r.Method == http.MethodHead {
		return s.signInPage(w, r, http.StatusOK, nil)
	}
	if err := s.mayTry(w, r); err != nil {
		return err
	}
	t, ok := s.cfg.Tokens.Redeem(code)
	if !ok {
		s.cfg.Log.Warn("a sign-in link was refused", "from", r.RemoteAddr)
		return errSignInLink
	}
	return s.welcome(w, r, t)
}

// signIn takes a token from the sign-in page.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, _ caller) error {
	if err := s.mayTry(w, r); err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return badRequest("The form cannot be read", "Send token=… as application/x-www-form-urlencoded.")
	}
	secret := r.PostForm.Get("token")
	t, ok := s.cfg.Tokens.Check(secret)
	if !ok {
		t, ok = s.cfg.Tokens.Redeem(secret)
	}
	if !ok {
		s.cfg.Log.Warn("a sign-in was refused", "from", r.RemoteAddr)
		challenge(w, errToken)
		return errSignIn
	}
	return s.welcome(w, r, t)
}

// mayTry refuses foreign sites and those who guess.
func (s *Server) mayTry(w http.ResponseWriter, r *http.Request) error {
	if err := s.sameSite(r); err != nil {
		return err
	}
	if wait := s.attempts.wait(r.RemoteAddr); wait > 0 {
		setRetryAfter(w, wait)
		return api.NewProblem(api.TooManyRequests, "Too many attempts to sign in", "Wait "+waitText(wait)+" and try again.")
	}
	return nil
}

func (s *Server) welcome(w http.ResponseWriter, r *http.Request, t store.Token) error {
	s.cfg.Log.Info("signed in", "token", t.Name, "role", t.Role, "from", r.RemoteAddr)
	s.sessions.start(w, r, t)
	seeHome(w)
	return nil
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request, _ caller) error {
	if err := s.sameSite(r); err != nil {
		return err
	}
	s.sessions.end(w, r)
	seeHome(w)
	return nil
}

// seeHome sends the browser to the page. The reference is relative: a proxy may serve the box below a path.
func seeHome(w http.ResponseWriter) {
	w.Header().Set("Location", "./")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}
