package httpd

import (
	"errors"
	"net/http"

	"clipd/device/api"
	"clipd/device/httpd/web"
	"clipd/store"
)

// tokensPage lists the tokens, and with POST changes them as the form says. A secret is shown in the answer to the request
// that made it, and never again.
func (s *Server) tokensPage(w http.ResponseWriter, r *http.Request, as caller) error {
	view, status := web.Tokens{}, http.StatusOK
	if r.Method == http.MethodPost {
		if err := formOf(w, r); err != nil {
			return err
		}
		err := s.changeTokens(r, as, &view)
		var p *api.Problem
		if errors.As(err, &p) {
			view.Problem, view.Name, status = p.Title+". "+p.Detail, text(r.PostForm.Get("name")), p.Status
		} else if err != nil {
			return err
		}
	}
	s.listTokens(&view, as)
	s.adminPage(w, r, as, status, "Tokens", view)
	return nil
}

func (s *Server) changeTokens(r *http.Request, as caller, view *web.Tokens) (err error) {
	name := r.PostForm.Get("name")
	switch r.PostForm.Get("do") {
	case "add":
		var made tokenJSON
		if made, err = s.makeToken(name, r.PostForm.Get("role"), as); err == nil {
			view.New = &web.NewToken{Name: made.Name, Role: made.Role.String(), Secret: made.Token}
			view.Link, err = s.signedLink(r, name, as)
		}
	case "link":
		view.Link, err = s.signedLink(r, name, as)
	case "revoke":
		if err = s.endToken(name, as); err == nil {
			view.Done = "The token " + text(name) + " opens nothing any more."
		}
	case "void":
		if err = s.cfg.RotateLinks(r.Context()); err == nil {
			s.cfg.Log.Info("every link handed out is void", "by", as.token.Name)
			view.Done = "No link shared so far opens anything any more."
		}
	default:
		err = errUnknownButton
	}
	return err
}

var errUnknownButton = badRequest("The form says not what to do", "Load the page again and use its buttons.")

func (s *Server) listTokens(view *web.Tokens, as caller) {
	admins := s.admins()
	for _, t := range s.cfg.Tokens.List() {
		view.Tokens = append(view.Tokens, web.Token{
			Name: text(t.Name), Role: t.Role.String(), Created: t.Created.In(s.cfg.Location).Format("2 January 2006"),
			Mine: t.Name == as.token.Name, Last: t.Role == store.Admin && admins == 1,
		})
	}
}
