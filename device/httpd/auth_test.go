package httpd

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"clipd/store"
)

func TestTokens(t *testing.T) {
	b := newBox(t)
	const path = "/api/v1/status"
	b.ask(store.NoRole, "GET", path, "", "Authorization", "bearer  "+b.secret[store.Viewer]).is(t, 200, "")
	for _, header := range []string{"Bearer", "Bearer ", "Bearer nonsense", "Bearer " + b.secret[store.Viewer] + "x", "Bearer \u2603"} {
		a := b.ask(store.NoRole, "GET", path, "", "Authorization", header).is(t, 401, "unauthorized")
		a.header(t, "WWW-Authenticate", `Bearer realm="clipd", error="invalid_token"`)
	}
	b.ask(store.NoRole, "GET", path, "", "Authorization", "Basic "+b.secret[store.Viewer]).is(t, 401, "unauthorized").
		header(t, "WWW-Authenticate", `Bearer realm="clipd"`)
	b.ask(store.NoRole, "GET", path+"?token="+b.secret[store.Viewer], "").is(t, 401, "unauthorized")
}

func TestTokenAdministration(t *testing.T) {
	b := newBox(t)
	made := b.ask(store.Admin, "POST", "/api/v1/tokens", `{"name":"wall panel","role":"viewer"}`).is(t, 201, "")
	secret := field(t, made, "token")
	b.ask(store.NoRole, "GET", "/api/v1/clips", "", "Authorization", "Bearer "+secret).is(t, 200, "")
	list := string(b.ask(store.Admin, "GET", "/api/v1/tokens", "").is(t, 200, "").body)
	if !strings.Contains(list, `"name":"wall panel"`) || strings.Contains(list, secret) {
		t.Errorf("the list of tokens: %s", list)
	}
	b.ask(store.Admin, "POST", "/api/v1/tokens", `{"name":"wall panel","role":"admin"}`).is(t, 409, "conflict")
	for _, body := range []string{``, `{"name":"x"}`, `{"name":"","role":"viewer"}`, `{"name":"a\nb","role":"viewer"}`, `{"name":"x","role":"root"}`, `{"name":"x","role":"viewer","more":1}`, `[]`, `{"name":"x","role":"viewer"} {}`, `{`, strings.Repeat(" ", 5000) + `{}`} {
		b.ask(store.Admin, "POST", "/api/v1/tokens", body).is(t, 400, "bad-request")
	}
	b.ask(store.Admin, "DELETE", "/api/v1/tokens/wall%20panel", "").is(t, 204, "")
	b.ask(store.NoRole, "GET", "/api/v1/clips", "", "Authorization", "Bearer "+secret).is(t, 401, "unauthorized")
	b.ask(store.Admin, "DELETE", "/api/v1/tokens/wall%20panel", "").is(t, 404, "not-found")
}

func TestTheLastAdminStays(t *testing.T) {
	b := newBox(t)
	for _, tok := range b.cfg.Tokens.List() {
		if tok.Role == store.Admin && tok.Name != "the admin" {
			b.ask(store.Admin, "DELETE", "/api/v1/tokens/"+tok.Name, "").is(t, 204, "")
		}
	}
	b.ask(store.Admin, "DELETE", "/api/v1/tokens/the%20admin", "").is(t, 409, "conflict")
}

func TestSessions(t *testing.T) {
	b := newBox(t)
	a := b.ask(store.NoRole, "POST", "/login", form("token", b.secret[store.Operator]), "Content-Type", "application/x-www-form-urlencoded").is(t, 303, "")
	a.header(t, "Location", "./")
	c := a.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Path != "/" || c.MaxAge <= 0 {
		t.Errorf("the cookie: %s", a.Header.Get("Set-Cookie"))
	}
	if strings.Contains(c.Value, b.secret[store.Operator]) {
		t.Error("the cookie holds the token")
	}
	with := func(value string) answer {
		return b.ask(store.NoRole, "GET", "/api/v1/status", "", "Cookie", c.Name+"="+value)
	}
	with(c.Value).is(t, 200, "")
	b.ask(store.NoRole, "GET", "/api/v1/tokens", "", "Cookie", c.Name+"="+c.Value).is(t, 403, "forbidden")
	parts := strings.Split(c.Value, ".")
	for _, forged := range []string{"", "x", "..", parts[0] + "." + parts[1] + ".", parts[0] + ".1." + parts[2], "dGhlIGFkbWlu." + parts[1] + "." + parts[2], c.Value + "x"} {
		with(forged).is(t, 401, "unauthorized")
	}

	b.stop()
	b.serve() // again, with the same key
	with(c.Value).is(t, 200, "")

	b.now.add(sessionLife + time.Hour)
	with(c.Value).is(t, 401, "unauthorized")
	b.now.add(-time.Hour * 2)
	with(c.Value).is(t, 200, "")
	b.must(b.cfg.Tokens.Revoke("the operator"))
	with(c.Value).is(t, 401, "unauthorized")
	b.now.add(time.Second)
	if _, err := b.cfg.Tokens.Add("the operator", store.Operator); err != nil {
		t.Fatal(err)
	}
	with(c.Value).is(t, 401, "unauthorized")
}

func TestSessionOutlivesASetClock(t *testing.T) {
	b := newBox(t)
	b.now.add(-50 * 365 * 24 * time.Hour)
	b.now.mu.Lock()
	b.now.synced = false
	b.now.mu.Unlock()
	cookie := b.signedIn(store.Viewer)
	b.now.add(50 * 365 * 24 * time.Hour)
	b.now.mu.Lock()
	b.now.synced = true
	b.now.mu.Unlock()
	b.ask(store.NoRole, "GET", "/api/v1/status", "", "Cookie", cookie).is(t, 200, "")
}

func TestCookieIsSecureOverTLS(t *testing.T) {
	b := newBox(t)
	ts := httptest.NewTLSServer(b.server.Handler())
	defer ts.Close()
	c := ts.Client()
	c.CheckRedirect = client.CheckRedirect
	resp, err := c.Post(ts.URL+"/login", "application/x-www-form-urlencoded", strings.NewReader(form("token", b.secret[store.Viewer])))
	b.must(err)
	resp.Body.Close()
	if cookies := resp.Cookies(); len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("over TLS: %d %v", resp.StatusCode, cookies)
	}
}

func TestCookieRequestsMustNameTheBox(t *testing.T) {
	b := newBox(t, func(c *Config) {
		c.PublicURL, c.Hosts = "https://clips.example.org/porch", []string{"Cam.House"}
	})
	cookie := b.signedIn(store.Viewer)
	system, err := os.Hostname()
	b.must(err)
	for host, want := range map[string]int{
		"127.0.0.1:8470": 200, "192.168.1.5": 200, "[fe80::1]:8470": 200, "[::1]": 200, "localhost:1": 200, "LOCALHOST": 200,
		"porch.local": 200, "anything.local:8470": 200, "porch": 200, "Porch:8470": 200, system: 200, "cam.house": 200,
		"clips.example.org": 200, "clips.example.org.": 200,
		"evil.example": 421, "porch.evil.example": 421, "127.0.0.1.evil.example": 421, ".local": 421, "local": 421,
		"localhost.evil.example": 421, "": 421, "xporch": 421,
	} {
		if host == "" {
			continue // a client cannot send it
		}
		b.ask(store.NoRole, "GET", "/api/v1/status", "", "Cookie", cookie, "Host", host).is(t, want, map[int]string{421: "wrong-host"}[want])
	}
	b.get("/api/v1/status", "Host", "evil.example").is(t, 200, "") // no browser sends a token by itself
	b.ask(store.NoRole, "GET", "/healthz", "", "Host", "evil.example").is(t, 200, "")
	b.ask(store.NoRole, "POST", "/login", form("token", b.secret[store.Viewer]), "Host", "evil.example", "Content-Type", "application/x-www-form-urlencoded").is(t, 421, "wrong-host")
	page := b.ask(store.NoRole, "GET", "/", "", "Cookie", cookie, "Host", "evil.example", "Accept", "text/html").is(t, 421, "")
	if !strings.Contains(string(page.body), "http.hosts") {
		t.Errorf("the page does not say what to do: %s", page.body)
	}
}

func TestOtherSitesCannotWrite(t *testing.T) {
	b := newBox(t, func(c *Config) { c.PublicURL = "https://clips.example.org" })
	c := b.clip("front/a.mp4", content(10))
	cookie, path := b.signedIn(store.Admin), "/api/v1/clips/"+c.ID.String()+"/pin"
	for _, foreign := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "http://evil.example"}, {"Origin", "null"},
	} {
		b.ask(store.NoRole, "PUT", path, "", append(foreign, "Cookie", cookie)...).is(t, 403, "forbidden")
		b.ask(store.NoRole, "GET", "/api/v1/status", "", append(foreign, "Cookie", cookie)...).is(t, 200, "")
		b.ask(store.Admin, "PUT", path, "", foreign...).is(t, 200, "")
		b.ask(store.NoRole, "POST", "/login", form("token", b.secret[store.Viewer]), append(foreign, "Content-Type", "application/x-www-form-urlencoded")...).is(t, 403, "forbidden")
		b.ask(store.NoRole, "POST", "/logout", "", append(foreign, "Cookie", cookie)...).is(t, 403, "forbidden")
	}
	for _, own := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Origin", b.url}, {"Origin", "https://clips.example.org"}, {}} {
		b.ask(store.NoRole, "PUT", path, "", append(own, "Cookie", cookie)...).is(t, 200, "")
	}
}

func TestSignInLinkWorksOnce(t *testing.T) {
	b := newBox(t)
	code, err := b.cfg.Tokens.SignIn("the viewer", time.Hour)
	b.must(err)
	path := "/login?" + form("token", code)
	b.ask(store.NoRole, "HEAD", path, "").is(t, 200, "")
	a := b.ask(store.NoRole, "GET", path, "").is(t, 303, "")
	b.ask(store.NoRole, "GET", "/api/v1/clips", "", "Cookie", strings.Split(a.Header.Get("Set-Cookie"), ";")[0]).is(t, 200, "")
	b.ask(store.NoRole, "GET", path, "").is(t, 403, "link-invalid")
	page := b.ask(store.NoRole, "GET", path, "", "Accept", "text/html").is(t, 403, "")
	if !strings.Contains(string(page.body), "works once") {
		t.Errorf("the page does not say why: %s", page.body)
	}
	b.ask(store.NoRole, "GET", "/login?"+form("token", b.secret[store.Viewer]), "").is(t, 403, "link-invalid")
}

func TestSigningOut(t *testing.T) {
	b := newBox(t)
	a := b.ask(store.NoRole, "POST", "/logout", "", "Cookie", b.signedIn(store.Viewer)).is(t, 303, "")
	if c := a.Cookies(); len(c) != 1 || c[0].MaxAge >= 0 || c[0].Value != "" {
		t.Errorf("the cookie stays: %s", a.Header.Get("Set-Cookie"))
	}
}

// A guesser at 100 tries a second gets a few; whoever signs in from elsewhere notices nothing.
func TestGuessingIsLimited(t *testing.T) {
	a := newAttempts()
	var got, others int
	for i := range 1000 {
		if a.wait("192.0.2.1:"+itoa(int64(1000+i))) == 0 {
			got++
		}
		if i%250 == 0 && a.wait("198.51.100."+itoa(int64(i/250))+":1000") == 0 {
			others++
		}
	}
	if got < addressBurst || got > addressBurst+2 || others != 4 {
		t.Errorf("the guesser got %d tries, the others %d of 4", got, others)
	}
	for i := range 5000 {
		a.wait("[2001:db8:" + itoa(int64(i)) + "::1]:1")
	}
	if len(a.from) > maxAddresses {
		t.Errorf("the table has %d addresses", len(a.from))
	}
	one, two := newAttempts(), 0
	for i := range 100 {
		if one.wait("[2001:db8::"+itoa(int64(i))+"]:1") == 0 {
			two++
		}
	}
	if two != addressBurst {
		t.Errorf("one house's IPv6 addresses got %d tries", two)
	}
}

func TestGuessingFromEverywhereIsLimitedInAll(t *testing.T) {
	a, got := newAttempts(), 0
	for i := range 1000 {
		if a.wait("198.51."+itoa(int64(i/250))+"."+itoa(int64(i%250))+":1") == 0 {
			got++
		}
	}
	if got < allBurst || got > allBurst+10 {
		t.Errorf("a thousand addresses got %d tries", got)
	}
}

func TestGuessingOverHTTP(t *testing.T) {
	b := newBox(t)
	guess := func() answer {
		return b.ask(store.NoRole, "POST", "/login", form("token", "guess"), "Content-Type", "application/x-www-form-urlencoded")
	}
	for range addressBurst {
		guess().is(t, 401, "unauthorized")
	}
	a := guess().is(t, 429, "too-many-requests")
	if a.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	code, err := b.cfg.Tokens.SignIn("the viewer", time.Hour)
	b.must(err)
	b.ask(store.NoRole, "GET", "/login?"+form("token", code), "").is(t, 429, "")
	b.get("/api/v1/clips").is(t, 200, "") // who has a token is not affected
}
