package httpd

import (
	"context"
	"encoding/json"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"

	"clipd/device/api"
	"clipd/store"
)

// as asks as a browser signed in as role does; pairs are a form's fields with POST.
func (b *box) as(role store.Role, method, path string, pairs ...string) answer {
	b.t.Helper()
	body, kind := "", "text/plain"
	if method == "POST" {
		body, kind = form(pairs...), "application/x-www-form-urlencoded"
	}
	return b.ask(store.NoRole, method, path, body, "Cookie", b.signedIn(role), "Accept", "text/html", "Content-Type", kind, "Sec-Fetch-Site", "same-origin")
}

func (a answer) says(t testing.TB, parts ...string) answer {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(string(a.body), part) {
			t.Errorf("%s %s does not say %q:\n%s", a.Request.Method, a.Request.URL, part, a.body)
		}
	}
	return a
}

func (a answer) saysNot(t testing.TB, parts ...string) answer {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(string(a.body), part) {
			t.Errorf("%s %s says %q:\n%s", a.Request.Method, a.Request.URL, part, a.body)
		}
	}
	return a
}

// Who is no admin sees no way to the admin's pages, and is refused there.
func TestOnlyAdminsSeeTheAdminsPages(t *testing.T) {
	b := newBox(t)
	for _, role := range []store.Role{store.Viewer, store.Operator} {
		for _, path := range []string{"/", "/health", "/device"} {
			b.as(role, "GET", path).is(t, 200, "").saysNot(t, `href="./tokens"`, `href="./settings"`, "Download the log", "Adopt", "asked")
		}
		for _, path := range []string{"/tokens", "/settings"} {
			b.as(role, "GET", path).is(t, 403, "").says(t, "This needs the role admin")
		}
	}
	b.as(store.Admin, "GET", "/health").is(t, 200, "").says(t, `href="./tokens"`, `href="./settings"`, "Download the log", `value="asked"`)
	b.ask(store.NoRole, "GET", "/settings", "", "Accept", "text/html").is(t, 401, "").says(t, `name="token"`)
}

var loginLink = regexp.MustCompile(`http://[^<"\s]*/login\?token=([\w-]+)`)

func TestADeviceIsSignedInOnce(t *testing.T) {
	b := newBox(t)
	b.as(store.Viewer, "GET", "/device").is(t, 200, "").saysNot(t, "login?token=")
	a := b.as(store.Viewer, "POST", "/device").is(t, 200, "").says(t, "<svg", "the viewer")
	m := loginLink.FindStringSubmatch(html.UnescapeString(string(a.body)))
	if m == nil {
		t.Fatalf("there is no link: %s", a.body)
	}
	path := "/login?token=" + m[1]
	first := b.ask(store.NoRole, "GET", path, "", "Accept", "text/html").is(t, 303, "")
	cookie := strings.Split(first.Header.Get("Set-Cookie"), ";")[0]
	b.ask(store.NoRole, "GET", "/api/v1/status", "", "Cookie", cookie).is(t, 200, "")
	b.ask(store.NoRole, "GET", "/api/v1/tokens", "", "Cookie", cookie).is(t, 403, "")
	b.ask(store.NoRole, "GET", path, "", "Accept", "text/html").is(t, 403, "").says(t, "used already or has expired", `name="token"`)
}

func TestWhoMaySignInWhom(t *testing.T) {
	b := newBox(t)
	for _, tt := range []struct {
		as     store.Role
		name   string
		status int
		slug   string
	}{
		{store.Viewer, "the%20viewer", 200, ""}, {store.Viewer, "the%20admin", 403, "forbidden"}, {store.Viewer, "nobody", 403, "forbidden"},
		{store.Operator, "the%20viewer", 403, "forbidden"}, {store.Admin, "the%20viewer", 200, ""}, {store.Admin, "nobody", 404, "not-found"},
	} {
		a := b.ask(tt.as, "POST", "/api/v1/tokens/"+tt.name+"/sign-in", "").is(t, tt.status, tt.slug)
		var told struct{ URL string }
		if tt.status == 200 && (json.Unmarshal(a.body, &told) != nil || !strings.HasPrefix(told.URL, b.url+"/login?token=")) {
			t.Errorf("the link is %s", a.body)
		}
	}
}

// On a device that reaches the box as localhost the link leads to an address that others reach.
func TestALinkForAnotherDeviceIsNotLocalhost(t *testing.T) {
	b := newBox(t, func(c *Config) { c.Status = func() api.Status { return api.Status{URL: "http://192.0.2.7:8470"} } })
	b.as(store.Viewer, "POST", "/device").is(t, 200, "").says(t, "http://192.0.2.7:8470/login?token=")
}

func TestTokensPage(t *testing.T) {
	b := newBox(t)
	made := b.as(store.Admin, "POST", "/tokens", "do", "add", "name", "Kim's phone", "role", "viewer").is(t, 400, "").says(t, "name is malformed", "Kim&#39;s phone")
	made = b.as(store.Admin, "POST", "/tokens", "do", "add", "name", "NAS", "role", "viewer").is(t, 200, "").says(t, "Copy it now", "<svg")
	secret := regexp.MustCompile(`<code data-copy>([\w-]{40,})</code>`).FindStringSubmatch(string(made.body))
	if secret == nil {
		t.Fatalf("the secret is not shown: %s", made.body)
	}
	if _, ok := b.cfg.Tokens.Check(secret[1]); !ok {
		t.Error("what is shown is no token")
	}
	b.as(store.Admin, "GET", "/tokens").is(t, 200, "").says(t, "NAS", "viewer").saysNot(t, secret[1], "<svg")
	b.as(store.Admin, "POST", "/tokens", "do", "add", "name", "NAS", "role", "viewer").is(t, 409, "").says(t, "There is a token of this name")
	b.as(store.Admin, "POST", "/tokens", "do", "link", "name", "NAS").is(t, 200, "").says(t, "login?token=")
	b.as(store.Admin, "POST", "/tokens", "do", "revoke", "name", "NAS").is(t, 200, "").says(t, "opens nothing any more")
	if _, ok := b.cfg.Tokens.Check(secret[1]); ok {
		t.Error("the revoked token is still good")
	}
	b.as(store.Admin, "POST", "/tokens", "do", "revoke", "name", "NAS").is(t, 404, "")
	b.as(store.Admin, "POST", "/tokens", "do", "void").is(t, 200, "").says(t, "No link shared so far")
	b.as(store.Admin, "POST", "/tokens", "do", "dance").is(t, 400, "")
	b.as(store.Viewer, "POST", "/tokens", "do", "add", "name", "x", "role", "admin").is(t, 403, "")
	foreign := b.ask(store.NoRole, "POST", "/tokens", form("do", "add", "name", "theirs", "role", "admin"), "Cookie", b.signedIn(store.Admin),
		"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
	foreign.is(t, 403, "forbidden")
	for _, token := range b.cfg.Tokens.List() {
		if token.Name == "theirs" || token.Name == "x" {
			t.Errorf("there is a token %s", token.Name)
		}
	}
}

// The last admin's token has no button, and stays whatever the form says.
func TestTokensPageKeepsTheLastAdmin(t *testing.T) {
	b := newBox(t)
	b.must(b.cfg.Tokens.Revoke(store.FirstAdmin))
	b.as(store.Admin, "GET", "/tokens").is(t, 200, "").saysNot(t, `aria-label="Revoke the admin"`).says(t, `aria-label="Revoke the viewer"`)
	b.as(store.Admin, "POST", "/tokens", "do", "revoke", "name", "the admin").is(t, 409, "").says(t, "This is the last admin token")
}

// Signing in makes a session of its own, whatever cookie the browser came with; a made-up one opens nothing.
func TestASessionCannotBePlanted(t *testing.T) {
	b := newBox(t)
	for _, planted := range []string{b.signedIn(store.Viewer), b.server.sessions.cookie + "=planted", b.server.sessions.cookie + "=YQ.0.YQ"} {
		a := b.ask(store.NoRole, "POST", "/login", form("token", b.secret[store.Admin]), "Cookie", planted, "Content-Type", "application/x-www-form-urlencoded").is(t, 303, "")
		got := strings.Split(a.Header.Get("Set-Cookie"), ";")[0]
		if got == planted || !strings.HasPrefix(got, b.server.sessions.cookie+"=") {
			t.Errorf("with %s planted the session is %s", planted, got)
		}
		if status := b.ask(store.NoRole, "GET", "/api/v1/tokens", "", "Cookie", planted).StatusCode; status < 400 {
			t.Errorf("%s became the admin's: %d", planted, status)
		}
	}
}

func TestGuessingIsToldOnTheSignInPage(t *testing.T) {
	b := newBox(t)
	for range addressBurst {
		b.ask(store.NoRole, "POST", "/login", form("token", "guess"), "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded").
			is(t, 401, "").says(t, "This token is not known", `name="token"`)
	}
	a := b.ask(store.NoRole, "POST", "/login", form("token", "guess"), "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded")
	a.is(t, 429, "").says(t, "Too many attempts to sign in", `name="token"`)
	if a.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
}

func TestHealthPageTellsTroubleAndEscapesIt(t *testing.T) {
	b := newBox(t, func(c *Config) {
		inner, days := c.Status, 2.5
		c.Status = func() api.Status {
			st := inner()
			st.Problems = []string{"<b>disk</b> on fire"}
			st.Disk = &api.Disk{Total: 1000e9, Used: 960e9, Free: 40e9}
			st.Scan = api.Scan{Scanning: true, Pass: 2, Done: 50, Total: 200}
			st.Broker = api.BrokerStatus{URL: "tcp://broker:1883", Error: "refused <i>"}
			st.Push, st.Memory, st.Uptime = api.PushStatus{Dead: 3}, 9e6, 90000
			return st
		}
		kept := c.Retention
		c.Retention = func() (api.Retention, error) { r, err := kept(); r.DaysLeft = &days; return r, err }
	})
	b.must(b.store.Apply(context.Background(), store.SetPartial(store.Partial{Path: `front/"><script>x</script>.mp4`, Size: 5, Reason: "no moov box"})))
	a := b.as(store.Viewer, "GET", "/health").is(t, 200, "").says(t, "&lt;b&gt;disk&lt;/b&gt; on fire", "960 GB of 1.0 TB used, 40 GB free", `value="96"`,
		"reading what they are: 50 of 200 files", "refused &lt;i&gt;", "3 given up", "9.0 MB", "1 day, 1 hour", "2 days", "no moov box",
		"412 clips are older than 30d", "not trusted").saysNot(t, "<script>x", "All is well", `name="token"`)
	if n := strings.Count(string(a.body), `role="alert"`); n != 2 {
		t.Errorf("%d alerts", n)
	}
	b.as(store.Admin, "POST", "/health", "do", "expire", "token", "older").is(t, 409, "")
	b.as(store.Admin, "POST", "/health", "do", "expire", "token", "asked").is(t, 200, "").says(t, "They go now")
	b.as(store.Admin, "POST", "/health", "do", "sing").is(t, 400, "")
}

// A disk is adopted where the known one is away, and only then the page offers it.
func TestHealthPageAdoptsADisk(t *testing.T) {
	b := newBox(t)
	b.as(store.Admin, "GET", "/health").is(t, 200, "").saysNot(t, "Adopt this disk")
	b.must(os.RemoveAll(b.dir))
	b.cfg.Root.Look(context.Background())
	b.as(store.Admin, "GET", "/health").is(t, 200, "").says(t, "Adopt this disk")
	b.as(store.Viewer, "GET", "/health").is(t, 200, "").saysNot(t, "Adopt this disk")
	b.as(store.Admin, "POST", "/health", "do", "adopt").is(t, 503, "").says(t, "not there")
	b.must(os.MkdirAll(b.dir, 0o755))
	b.as(store.Viewer, "POST", "/health", "do", "adopt").is(t, 403, "")
	b.as(store.Admin, "POST", "/health", "do", "adopt").is(t, 200, "").says(t, "own now").saysNot(t, "Adopt this disk")
	if !b.cfg.Root.State().Present {
		t.Error("the disk was not adopted")
	}
}
