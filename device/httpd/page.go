package httpd

import (
	"net/http"
	"strings"

	"clipd/device/api"
	"clipd/device/httpd/web"
	"clipd/store"
)

// home is the page: the list of clips, one clip's player, or the way in.
func (s *Server) home(w http.ResponseWriter, r *http.Request, _ caller) error {
	as, err := s.identify(r, route{})
	switch err {
	case nil:
	case errNoToken, errSession:
		return s.signInPage(w, r, http.StatusOK, nil)
	default:
		challenge(w, err)
		return err
	}
	p := s.query(r, "camera", "day", "pinned", "pushed", "cursor", "clip")
	f := filterOf(p)
	if p.err != nil {
		return p.err
	}
	page := web.Page{Role: roleOf(as), Here: "Clips", Modules: []string{"clips"}}
	if text := p.text("clip"); text != "" {
		err = s.showPlayer(&page, text, f)
	} else {
		err = s.showClips(&page, f, p.text("cursor"))
	}
	if err != nil {
		return err
	}
	s.writePage(w, r, http.StatusOK, page)
	return nil
}

// roleOf is what pages show as.
func roleOf(as caller) web.Role {
	switch as.role() {
	case store.Viewer:
		return web.Viewer
	case store.Operator:
		return web.Operator
	case store.Admin:
		return web.Admin
	}
	return web.Stranger
}

// rootOf is the page at / relative to the one r asks for: a proxy may serve the box below a path.
func rootOf(r *http.Request) string {
	return "./" + strings.Repeat("../", max(strings.Count(r.URL.EscapedPath(), "/")-1, 0))
}

// writePage answers with page, which needs all but Box and Root.
func (s *Server) writePage(w http.ResponseWriter, r *http.Request, status int, page web.Page) {
	page.Root = rootOf(r)
	page.Box = s.cfg.Box.Name
	if page.Box == "" {
		page.Box = "clipd"
	}
	page.Title = strings.TrimPrefix(page.Title+" · "+page.Box, " · ")
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", web.Policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	writeCompressed(w, r, status, page.Write())
}

func (s *Server) signInPage(w http.ResponseWriter, r *http.Request, status int, p *api.Problem) error {
	view := web.SignIn{Root: rootOf(r)}
	if p != nil && p != errNoToken {
		view.Problem = p.Title + ". " + p.Detail
	}
	s.writePage(w, r, status, web.Page{Title: "Sign in", View: view})
	return nil
}

// problemPage is p for people; who lacks a token, or was on the way in, gets the way in.
func (s *Server) problemPage(w http.ResponseWriter, r *http.Request, p *api.Problem) {
	if p.Status == http.StatusUnauthorized || r.URL.Path == "/login" {
		s.signInPage(w, r, p.Status, p)
		return
	}
	view := web.Problem{Root: rootOf(r), Status: p.Status, Title: p.Title, Detail: p.Detail}
	s.writePage(w, r, p.Status, web.Page{Title: p.Title, View: view})
}
