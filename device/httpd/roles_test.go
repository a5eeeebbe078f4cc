package httpd

import (
	"net/http"
	"strings"
	"testing"

	"clipd/store"
)

// May is who may do what; design.md, "HTTP". Each line is a route with an address to try it at, its body, and what it
// answers to nobody, a viewer, an operator and an admin.
var may = []struct {
	method, route, path, body       string
	nobody, viewer, operator, admin int
}{
	{"GET", "/{$}", "/", "", 200, 200, 200, 200},
	{"GET", "/login", "/login", "", 200, 200, 200, 200},
	{"POST", "/login", "/login", "token=VIEWER", 303, 303, 303, 303},
	{"POST", "/logout", "/logout", "", 303, 303, 303, 303},
	{"GET", "/web/{file}", "/web/STYLE", "", 200, 200, 200, 200},
	{"GET", "/health", "/health", "", 401, 200, 200, 200},
	{"POST", "/health", "/health", "do=expire&token=asked", 401, 403, 403, 200},
	{"GET", "/device", "/device", "", 401, 200, 200, 200},
	{"POST", "/device", "/device", "", 401, 200, 200, 200},
	{"GET", "/tokens", "/tokens", "", 401, 403, 403, 200},
	{"POST", "/tokens", "/tokens", "do=add&name=paper&role=viewer", 401, 403, 403, 200},
	{"GET", "/settings", "/settings", "", 401, 403, 403, 200},
	{"POST", "/settings", "/settings", "do=save&section=box&name=shed", 401, 403, 403, 303},
	{"POST", "/api/v1/tokens/{name}/sign-in", "/api/v1/tokens/the%20viewer/sign-in", "", 401, 200, 403, 200},
	{"GET", "/api/v1/clips", "/api/v1/clips", "", 401, 200, 200, 200},
	{"GET", "/api/v1/clips/{id}", "/api/v1/clips/ID", "", 401, 200, 200, 200},
	{"PUT", "/api/v1/clips/{id}/pin", "/api/v1/clips/ID/pin", "", 401, 403, 200, 200},
	{"DELETE", "/api/v1/clips/{id}/pin", "/api/v1/clips/ID/pin", "", 401, 403, 200, 200},
	{"POST", "/api/v1/clips/{id}/link", "/api/v1/clips/ID/link", "", 401, 200, 200, 200},
	{"POST", "/api/v1/clips/{id}/push", "/api/v1/clips/ID/push", `{"target":"nas"}`, 401, 403, 202, 202},
	{"POST", "/api/v1/clips/{id}/ack", "/api/v1/clips/ID/ack", `{"consumer":"nas"}`, 401, 403, 204, 204},
	{"GET", "/api/v1/pushes", "/api/v1/pushes", "", 401, 200, 200, 200},
	{"GET", "/api/v1/consumers", "/api/v1/consumers", "", 401, 200, 200, 200},
	{"DELETE", "/api/v1/consumers/{name}", "/api/v1/consumers/nas", "", 401, 403, 204, 404}, // the admin finds it gone
	{"GET", "/clips/{id}/{name}", "/clips/ID/a.mp4", "", 401, 200, 200, 200},
	{"GET", "/posters/{id}", "/posters/ID.jpg", "", 401, 200, 200, 200},
	{"GET", "/archive.zip", "/archive.zip?id=ID", "", 401, 200, 200, 200},
	{"POST", "/archive.zip", "/archive.zip", `{"ids":["ID"]}`, 401, 200, 200, 200},
	{"GET", "/api/v1/events", "/api/v1/events", "", 401, 200, 200, 200},
	{"GET", "/api/v1/cameras", "/api/v1/cameras", "", 401, 200, 200, 200},
	{"GET", "/api/v1/cameras/{camera}/latest", "/api/v1/cameras/front/latest", "", 401, 302, 302, 302},
	{"GET", "/api/v1/timeline", "/api/v1/timeline", "", 401, 200, 200, 200},
	{"GET", "/api/v1/partial", "/api/v1/partial", "", 401, 200, 200, 200},
	{"GET", "/api/v1/retention", "/api/v1/retention", "", 401, 200, 200, 200},
	{"POST", "/api/v1/retention/confirm", "/api/v1/retention/confirm", `{"token":"asked"}`, 401, 403, 403, 204},
	{"GET", "/api/v1/status", "/api/v1/status", "", 401, 200, 200, 200},
	{"GET", "/api/v1/config", "/api/v1/config", "", 401, 403, 403, 200},
	{"PUT", "/api/v1/config", "/api/v1/config", `{"name":"shed"}`, 401, 403, 403, 202},
	{"POST", "/api/v1/config/confirm", "/api/v1/config/confirm", "", 401, 403, 403, 204},
	{"GET", "/api/v1/log", "/api/v1/log", "", 401, 403, 403, 200},
	{"GET", "/api/v1/tokens", "/api/v1/tokens", "", 401, 403, 403, 200},
	{"POST", "/api/v1/tokens", "/api/v1/tokens", `{"name":"new","role":"viewer"}`, 401, 403, 403, 201},
	{"DELETE", "/api/v1/tokens/{name}", "/api/v1/tokens/new", "", 401, 403, 403, 204},
	{"POST", "/api/v1/root/adopt", "/api/v1/root/adopt", "", 401, 403, 403, 204},
	{"POST", "/api/v1/links/revoke", "/api/v1/links/revoke", "", 401, 403, 403, 204},
	{"POST", "/api/v1/update", "/api/v1/update", "a bundle", 401, 403, 403, 202},
	{"GET", "/metrics", "/metrics", "", 401, 200, 200, 200},
	{"GET", "/healthz", "/healthz", "", 200, 200, 200, 200},
	{"GET", "/readyz", "/readyz", "", 200, 200, 200, 200},
	{"GET", "/api/openapi.yaml", "/api/openapi.yaml", "", 200, 200, 200, 200},
	{"GET", "/api/asyncapi.yaml", "/api/asyncapi.yaml", "", 200, 200, 200, 200},
	{"DELETE", "/api/v1/clips/{id}", "/api/v1/clips/ID", "", 401, 403, 204, 404}, // last: the admin finds it gone
}

func TestWhoMayDoWhat(t *testing.T) {
	b := newBox(t)
	b.file("front/a.jpg", []byte("\xff\xd8\xff"))
	c := b.clip("front/a.mp4", content(1000), func(c *store.Clip) { c.Sidecars, c.Poster = []string{"front/a.jpg"}, "front/a.jpg" })
	unsaid := map[string]bool{}
	for _, rt := range b.server.list() {
		unsaid[rt.method+" "+rt.path] = true
	}
	fill := strings.NewReplacer("ID", c.ID.String(), "STYLE", styleName(t, b), "VIEWER", b.secret[store.Viewer])
	for _, m := range may {
		delete(unsaid, m.method+" "+m.route)
		for role, want := range []int{m.nobody, m.viewer, m.operator, m.admin} {
			kind := "application/json"
			if !strings.HasPrefix(m.path, "/api/") && !strings.HasPrefix(m.body, "{") {
				kind = "application/x-www-form-urlencoded"
			}
			a := b.ask(store.Role(role), m.method, fill.Replace(m.path), fill.Replace(m.body), "Content-Type", kind)
			if a.StatusCode != want {
				t.Errorf("%s %s as %v: got %d, want %d: %s", m.method, m.path, store.Role(role), a.StatusCode, want, a.body)
			}
			if want == http.StatusUnauthorized && a.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: 401 without WWW-Authenticate", m.method, m.path)
			}
		}
	}
	for route := range unsaid {
		t.Errorf("nobody has said who may %s", route)
	}
}

func styleName(t testing.TB, b *box) string {
	t.Helper()
	_, after, ok := strings.Cut(string(b.get("/").is(t, 200, "").body), `rel="stylesheet" href="./web/`)
	name, _, ok2 := strings.Cut(after, `"`)
	if !ok || !ok2 {
		t.Fatal("the page has no style sheet")
	}
	return name
}

func TestEveryGetAnswersHeadAndNothingElse(t *testing.T) {
	b := newBox(t)
	c := b.clip("front/a.mp4", content(1000))
	for _, rt := range b.server.list() {
		path := strings.NewReplacer("{$}", "", "{id}", c.ID.String(), "{camera}", "front", "{file}", styleName(t, b), "{name}", "x").Replace(rt.path)
		b.ask(store.Admin, "PATCH", path, "").is(t, 405, "method-not-allowed")
		if rt.method != "GET" || rt.path == "/posters/{id}" {
			continue
		}
		get, head := b.ask(store.Admin, "GET", path, ""), b.ask(store.Admin, "HEAD", path, "")
		if head.StatusCode != get.StatusCode || len(head.body) != 0 || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d %q, GET: %d %q", path, head.StatusCode, head.Header.Get("Content-Type"), get.StatusCode, get.Header.Get("Content-Type"))
		}
	}
	a := b.ask(store.Admin, "POST", "/api/v1/clips/"+c.ID.String()+"/pin", "").is(t, 405, "method-not-allowed")
	a.header(t, "Allow", "DELETE, PUT")
	b.ask(store.Admin, "POST", "/api/v1/clips", "").is(t, 405, "").header(t, "Allow", "GET, HEAD")
}

func TestWhatDoesNotExistIsAProblem(t *testing.T) {
	b := newBox(t)
	for _, path := range []string{
		"/nothing", "/api/v1/", "/api/v2/clips", "/api/v1/pushes/", "/api/v1/retention/none", "/archive.zip?camera=none",
		"/posters/0123456789abcdef.png", "/web/style.css", "/api/v1/clips/0123456789abcdef", "/clips/0123456789abcdef/a.mp4",
		"/api/v1/cameras/none/latest",
	} {
		a := b.get(path).is(t, 404, "not-found")
		a.header(t, "Content-Type", "application/problem+json")
		a.header(t, "X-Content-Type-Options", "nosniff")
	}
}

func TestMalformedRequestsNameTheParameter(t *testing.T) {
	b := newBox(t)
	long := strings.Repeat("x", 4096)
	for path, name := range map[string]string{
		"/api/v1/clips/short":                         "id",
		"/api/v1/clips/0123456789ABCDEF":              "id",
		"/api/v1/clips/" + long:                       "id",
		"/clips/%2e%2e/passwd":                        "id",
		"/clips/..%2f..%2fetc/passwd":                 "id",
		"/clips/%00/a":                                "id",
		"/posters/zzz.jpg":                            "id",
		"/api/v1/clips?limit=0":                       "limit",
		"/api/v1/clips?limit=1001":                    "limit",
		"/api/v1/clips?limit=-1":                      "limit",
		"/api/v1/clips?limit=99999999999999999999":    "limit",
		"/api/v1/clips?cursor=nonsense":               "cursor",
		"/api/v1/clips?from=yesterday":                "from",
		"/api/v1/clips?to=2026-13-01":                 "to",
		"/api/v1/clips?from=2026-11-22&to=2026-11-21": "to",
		"/api/v1/clips?pinned=perhaps":                "pinned",
		"/api/v1/clips?order=size":                    "order",
		"/api/v1/clips?camera=a&camera=b":             "camera",
		"/api/v1/clips?colour=red":                    "colour",
		"/api/v1/clips?a=%zz":                         "query",
		"/api/v1/events?after=-1":                     "after",
		"/api/v1/events?since=1":                      "since",
		"/api/v1/timeline?step=1m":                    "step",
		"/api/v1/timeline?step=-3600":                 "step",
		"/api/v1/timeline?step=99999999999999999999d": "step",
		"/api/v1/timeline?from=1970-01-01":            "step",
		"/api/v1/partial?cursor=*":                    "cursor",
		"/api/v1/cameras?x=1":                         "x",
	} {
		a := b.get(path).is(t, 400, "bad-request")
		if !strings.Contains(string(a.body), name) {
			t.Errorf("%s: the problem does not name %s: %s", path, name, a.body)
		}
	}
}
