package httpd

import (
	"net/http"

	"clipd/device/link"
	"clipd/store"
)

// A handler answers one request of a caller who was let in. An error it returns becomes a problem document, so it
// returns one only before it has written anything.
type handler func(w http.ResponseWriter, r *http.Request, as caller) error

// route is one line of the table. HEAD is allowed wherever GET is.
type route struct {
	method, path string
	role         store.Role // the least that may; NoRole: everybody
	link         link.What  // a signed link for this opens it too
	do           handler
}

// list is every route there is; design.md, "HTTP".
func (s *Server) list() []route {
	const everybody, viewer, operator, admin = store.NoRole, store.Viewer, store.Operator, store.Admin
	return []route{
		{"GET", "/{$}", everybody, "", s.home},
		{"GET", "/login", everybody, "", s.signInLink},
		{"POST", "/login", everybody, "", s.signIn},
		{"POST", "/logout", everybody, "", s.signOut},
		{"GET", "/web/{file}", everybody, "", s.asset},
		{"GET", "/health", viewer, "", s.healthPage},
		{"POST", "/health", admin, "", s.healthPage},
		{"GET", "/device", viewer, "", s.devicePage},
		{"POST", "/device", viewer, "", s.devicePage},
		{"GET", "/tokens", admin, "", s.tokensPage},
		{"POST", "/tokens", admin, "", s.tokensPage},
		{"GET", "/settings", admin, "", s.settingsPage},
		{"POST", "/settings", admin, "", s.settingsPage},

		{"GET", "/api/v1/clips", viewer, "", s.clips},
		{"GET", "/api/v1/clips/{id}", viewer, "", s.clip},
		{"DELETE", "/api/v1/clips/{id}", operator, "", s.removeClip},
		{"PUT", "/api/v1/clips/{id}/pin", operator, "", s.pin},
		{"DELETE", "/api/v1/clips/{id}/pin", operator, "", s.pin},
		{"POST", "/api/v1/clips/{id}/link", viewer, "", s.makeLink},
		{"POST", "/api/v1/clips/{id}/push", operator, "", s.push},
		{"POST", "/api/v1/clips/{id}/ack", operator, "", s.ack},
		{"GET", "/clips/{id}/{name}", viewer, link.Clip, s.clipBytes},
		{"GET", "/posters/{id}", viewer, link.Poster, s.posterBytes},
		{"GET", "/archive.zip", viewer, "", s.archive},
		{"POST", "/archive.zip", viewer, "", s.archive},

		{"GET", "/api/v1/events", viewer, "", s.events},
		{"GET", "/api/v1/cameras", viewer, "", s.cameras},
		{"GET", "/api/v1/cameras/{camera}/latest", viewer, "", s.latest},
		{"GET", "/api/v1/timeline", viewer, "", s.timeline},
		{"GET", "/api/v1/partial", viewer, "", s.partial},
		{"GET", "/api/v1/pushes", viewer, "", s.pushes},
		{"GET", "/api/v1/consumers", viewer, "", s.consumers},
		{"DELETE", "/api/v1/consumers/{name}", operator, "", s.dropConsumer},
		{"GET", "/api/v1/retention", viewer, "", s.retention},
		{"GET", "/api/v1/status", viewer, "", s.status},

		{"GET", "/api/v1/config", admin, "", s.settings},
		{"PUT", "/api/v1/config", admin, "", s.saveSettings},
		{"POST", "/api/v1/config/confirm", admin, "", s.confirmSettings},
		{"GET", "/api/v1/log", admin, "", s.log},
		{"GET", "/api/v1/tokens", admin, "", s.tokens},
		{"POST", "/api/v1/tokens", admin, "", s.addToken},
		{"DELETE", "/api/v1/tokens/{name}", admin, "", s.revokeToken},
		{"POST", "/api/v1/tokens/{name}/sign-in", viewer, "", s.signInCode},
		{"POST", "/api/v1/retention/confirm", admin, "", s.confirmRetention},
		{"POST", "/api/v1/root/adopt", admin, "", s.adopt},
		{"POST", "/api/v1/links/revoke", admin, "", s.revokeLinks},
		{"POST", "/api/v1/update", admin, "", s.update},

		{"GET", "/metrics", viewer, "", s.writeMetrics},
		{"GET", "/healthz", everybody, "", s.healthz},
		{"GET", "/readyz", everybody, "", s.readyz},
		{"GET", "/api/openapi.yaml", everybody, "", s.document},
		{"GET", "/api/asyncapi.yaml", everybody, "", s.document},
	}
}
