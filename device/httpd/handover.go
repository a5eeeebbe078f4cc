package httpd

import (
	"net/http"
	"net/netip"
	"time"

	"clipd/device/api"
	"clipd/device/httpd/web"
	"clipd/store"
)

// handoverFor is how long a link that signs another device in is good: it is scanned at once or not at all.
const handoverFor = 10 * time.Minute

// signInCode makes a link that signs a device in as the token that the path names, once: one's own, or as admin any.
func (s *Server) signInCode(w http.ResponseWriter, r *http.Request, as caller) error {
	name := r.PathValue("name")
	if name != as.token.Name && as.role() < store.Admin {
		return api.NewProblem(api.Forbidden, "This needs the role admin", "Without it you sign devices in as "+as.token.Name+" only.")
	}
	link, err := s.handOver(r, name, as)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, struct {
		URL     string   `json:"url"`
		Expires api.Time `json:"expires"`
	}{link, api.Time{Time: s.cfg.Clock.Now().Add(handoverFor)}})
}

func (s *Server) handOver(r *http.Request, name string, as caller) (link string, err error) {
	if s.tokenRole(name) == store.NoRole {
		return "", errNoSuchToken
	}
	code, err := s.cfg.Tokens.SignIn(name, handoverFor)
	if err != nil {
		return "", err
	}
	s.cfg.Log.Info("sign-in link made", "token", name, "by", as.token.Name)
	return s.elsewhere(r) + "/login?token=" + code, nil
}

// elsewhere is the box's address for another device: the one that r came by, unless that means this device itself.
func (s *Server) elsewhere(r *http.Request) string {
	host := hostOnly(r.Host)
	addr, err := netip.ParseAddr(host)
	if s.cfg.PublicURL == "" && (host == "localhost" || err == nil && addr.IsLoopback()) {
		if url := s.cfg.Status().URL; url != "" {
			return url
		}
	}
	return s.base(r)
}

// signedLink is the link with its QR code.
func (s *Server) signedLink(r *http.Request, name string, as caller) (*web.SignedLink, error) {
	link, err := s.handOver(r, name, as)
	if err != nil {
		return nil, err
	}
	code, err := qrOf(link, "QR code of a link that signs a device in as "+text(name))
	if err != nil {
		return nil, err
	}
	return &web.SignedLink{Token: text(name), URL: link, For: "10 minutes", QR: code}, nil
}

// devicePage signs another device in as oneself. Only POST makes a link: browsers load pages ahead of people.
func (s *Server) devicePage(w http.ResponseWriter, r *http.Request, as caller) error {
	view := web.Device{Token: text(as.token.Name), Role: as.role().String()}
	if r.Method == http.MethodPost {
		var err error
		if view.Link, err = s.signedLink(r, as.token.Name, as); err != nil {
			return err
		}
	}
	s.adminPage(w, r, as, http.StatusOK, "Devices", view)
	return nil
}

// adminPage writes one of the pages that admin.js and admin.css are for.
func (s *Server) adminPage(w http.ResponseWriter, r *http.Request, as caller, status int, title string, view web.View) {
	s.writePage(w, r, status, web.Page{
		Title: title, Here: title, Role: roleOf(as), View: view, Modules: []string{"admin"}, Styles: []string{"admin"},
	})
}

// formOf reads the form that r carries.
func formOf(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxPatch)
	if err := r.ParseForm(); err != nil {
		return badRequest("The form cannot be read", "Send application/x-www-form-urlencoded, at most 32 KiB.")
	}
	return nil
}
