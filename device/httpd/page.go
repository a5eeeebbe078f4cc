package httpd

import (
	"bytes"
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
	p := s.query(r, "camera", "cursor", "clip")
	if p.err != nil {
		return p.err
	}
	page := web.Page{SignedIn: as.secret == ""}
	if text := p.text("clip"); text != "" {
		err = s.showPlayer(&page, text, p.text("camera"))
	} else {
		err = s.showClips(&page, p.text("camera"), p.text("cursor"))
	}
	if err != nil {
		return err
	}
	return s.writePage(w, r, http.StatusOK, page)
}

// writePage answers with page, made before the first byte is sent.
func (s *Server) writePage(w http.ResponseWriter, r *http.Request, status int, page web.Page) error {
	page.Root = "./" + strings.Repeat("../", max(strings.Count(r.URL.EscapedPath(), "/")-1, 0))
	page.Box = s.cfg.Box.Name
	if page.Box == "" {
		page.Box = "clipd"
	}
	page.Title = strings.TrimPrefix(page.Title+" · "+page.Box, " · ")
	var html bytes.Buffer
	if err := page.Write(&html); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", web.Policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(html.Bytes())
	return nil
}

func (s *Server) signInPage(w http.ResponseWriter, r *http.Request, status int, p *api.Problem) error {
	page := web.Page{Title: "Sign in", SignIn: &web.SignIn{}}
	if p != nil && p != errNoToken {
		page.SignIn.Problem = p.Title + ". " + p.Detail
	}
	return s.writePage(w, r, status, page)
}

// problemPage is p for people; who only lacks a token gets the way in.
func (s *Server) problemPage(w http.ResponseWriter, r *http.Request, p *api.Problem) {
	page := web.Page{Title: p.Title, Problem: &web.Problem{Status: p.Status, Title: p.Title, Detail: p.Detail}}
	write := func() error { return s.writePage(w, r, p.Status, page) }
	if p.Status == http.StatusUnauthorized {
		write = func() error { return s.signInPage(w, r, p.Status, p) }
	}
	if err := write(); err != nil {
		s.cfg.Log.Error("a page could not be written", "path", r.URL.Path, "error", err)
		writeProblem(w, p)
	}
}

// asset answers with an embedded file; its name holds its hash, so nobody asks twice.
func (s *Server) asset(w http.ResponseWriter, r *http.Request, _ caller) error {
	for _, a := range []web.Asset{web.Style, web.Icon} {
		if a.Name == r.PathValue("file") {
			w.Header().Set("Content-Type", a.MediaType)
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			w.Write(a.Content)
			return nil
		}
	}
	return api.NewProblem(api.NotFound, "There is no such file", "Load the page again.")
}

// pageClips is how many clips one piece of the page has.
const pageClips = 48

func (s *Server) showClips(page *web.Page, camera, cursor string) error {
	list, err := s.cfg.Store.List(store.Query{Camera: camera, Cursor: cursor, Limit: pageClips})
	if err != nil {
		return err
	}
	cameras, err := s.cfg.Store.Cameras()
	if err != nil {
		return err
	}
	totals, err := s.cfg.Store.Totals()
	if err != nil {
		return err
	}
	v := &web.Clips{
		Summary: summary(totals), Notice: s.notice(totals), Folder: s.cfg.Root.Dir(),
		Cameras: choices(cameras, camera), Days: s.days(list.Clips, camera),
	}
	if list.Next != "" {
		v.Older = address("camera", camera, "cursor", list.Next)
	}
	if cursor != "" {
		v.Newest = address("camera", camera)
	}
	if len(list.Clips) == 0 && cursor == "" {
		page.Refresh = 5 // the first clip shows up by itself
	}
	page.Title, page.Clips = camera, v
	return nil
}

func (s *Server) showPlayer(page *web.Page, text, camera string) error {
	id, err := store.ParseID(text)
	if err != nil {
		return badRequest("clip is malformed", "A clip id has 16 characters, 0 to 9 and a to v.")
	}
	c, _, err := s.cfg.Store.Clip(id)
	if err != nil {
		return err
	}
	newer, older, err := s.neighbours(c, camera)
	if err != nil {
		return err
	}
	v := &web.Player{Clip: s.inShort(c, camera), Day: s.day(c.Start), Back: address("camera", camera)}
	v.Newer, v.Older = player(newer, camera), player(older, camera)
	page.Title, page.Player = v.Clip.Camera+", "+v.Day+" "+v.Clip.Time, v
	return nil
}
