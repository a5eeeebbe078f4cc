package browser

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// TestOtherSites: a page from elsewhere that the same browser shows can do nothing with the cookie of who is signed in.
// Another port of the same host is the same site to SameSite, so the browser does send it.
func TestOtherSites(t *testing.T) {
	b, clips := four(t)
	tab := b.newTab()
	tab.signIn("admin")
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!DOCTYPE html><title>elsewhere</title>")
	}))
	t.Cleanup(evil.Close)
	tab.allow("leaves the box: " + evil.URL)
	tab.allow("403")
	tab.allow("CORS")
	tab.allow("net::ERR_FAILED")
	tab.allow("favicon")
	tab.do(chromedp.Navigate(evil.URL))
	for _, path := range []string{"/logout", "/api/v1/clips/" + clips[0].ID + "/push", "/api/v1/links/revoke", "/api/v1/tokens"} {
		tab.eval(fmt.Sprintf(`fetch(%q, { method: "POST", mode: "no-cors", credentials: "include" }).then(() => 1)`, b.url+path), nil)
	}
	tab.eval(fmt.Sprintf(`fetch(%q, { method: "DELETE", credentials: "include" }).then(() => 1, () => 0)`, b.url+"/api/v1/clips/"+clips[0].ID), nil)
	tab.eval(fmt.Sprintf(`{ const f = document.createElement("form"); f.method = "post"; f.action = %q; document.body.append(f); f.submit() }`, b.url+"/logout"), nil)
	tab.wait(`location.href === ` + quote(b.url+"/logout"))
	tab.open("/")
	tab.wait(`document.body.dataset.role === "admin"`)
	b.listed(4)
	for path, statuses := range map[string][]int64{"logout": tab.responses("/logout"), "push": tab.responses("/push"), "revoke": tab.responses("/revoke"), "tokens": tab.responses("/tokens")} {
		if len(statuses) == 0 || slices.ContainsFunc(statuses, func(s int64) bool { return s != 403 }) {
			t.Errorf("%s is answered %v to another site, want 403", path, statuses)
		}
	}
	var read bool
	tab.do(chromedp.Navigate(evil.URL))
	if tab.eval(fmt.Sprintf(`fetch(%q, { credentials: "include" }).then(() => true, () => false)`, b.url+"/api/v1/clips"), &read); read {
		t.Error("another site reads the list of clips")
	}
}

// TestReboundName: a name that somebody else's DNS leads to the box opens nothing.
func TestReboundName(t *testing.T) {
	b, _ := four(t)
	tab := b.newTab()
	tab.allow("421")
	tab.signIn("viewer")
	session := tab.cookie()
	_, port, _ := strings.Cut(b.addr, ":")
	tab.allow("leaves the box: " + b.url) // the page before may still ask for its icon
	tab.base = "http://" + stranger + ":" + port
	tab.open("/")
	tab.wait(`!document.querySelector(".card") && document.body.dataset.role === "stranger"`)
	// No browser would send the cookie to that name; if one did, it would open nothing either.
	_, err := chromedp.Call(tab.ctx, network.SetCookie, network.SetCookieParams{Name: session.Name, Value: session.Value, URL: tab.base})
	b.must(err)
	tab.open("/")
	tab.wait(`!document.querySelector(".card")`)
	if got := tab.responses(tab.base + "/"); !slices.Contains(got, 421) {
		t.Errorf("the cookie at another name is answered %v, want 421", got)
	}
}

// TestPlantedSession: a session that somebody else planted in the browser before signing in is not the one that is
// signed in.
func TestPlantedSession(t *testing.T) {
	b := newBox(t)
	attacker := b.newTab()
	attacker.signIn("viewer")
	planted := attacker.cookie()
	victim := b.newTab()
	victim.open("/")
	_, err := chromedp.Call(victim.ctx, network.SetCookie, network.SetCookieParams{Name: planted.Name, Value: planted.Value, URL: b.url})
	b.must(err)
	victim.open("/")
	victim.wait(`document.body.dataset.role === "viewer"`)
	victim.click("form[action$=logout] button")
	victim.wait(`!!document.querySelector("input[name=token]")`)
	victim.signIn("admin")
	if victim.cookie().Value == planted.Value {
		t.Error("signing in keeps the session that was there")
	}
	attacker.allow("401")
	attacker.open("/")
	attacker.wait(`document.body.dataset.role !== "admin"`)
}

// cookie is the session of the tab.
func (t *tab) cookie() *network.Cookie {
	t.t.Helper()
	res, err := chromedp.Call(t.ctx, network.GetCookies, network.GetCookiesParams{})
	t.b.must(err)
	if len(res.Cookies) != 1 || !res.Cookies[0].HTTPOnly {
		t.t.Fatalf("the cookies are %v", res.Cookies)
	}
	return res.Cookies[0]
}

// TestForgedLinks: a link opens its own clip until it expires, and nothing else.
func TestForgedLinks(t *testing.T) {
	b, clips := four(t)
	var made struct{ URL string }
	b.ask(b.admin, "POST", "/api/v1/clips/"+clips[0].ID+"/link", `{"ttl":"1h"}`, &made)
	path := strings.TrimPrefix(made.URL, b.url)
	_, signed, _ := strings.Cut(path, "?")
	tab := b.newTab()
	tab.allow("401")
	tab.allow("403")
	tab.allow("favicon")
	tab.open(path)
	tab.wait(`document.querySelector("video").readyState >= 2`)
	past := strings.Replace(path, signed[:len("exp=")+10], fmt.Sprintf("exp=%d", time.Now().Add(-time.Hour).Unix()), 1)
	for _, forged := range []string{past, path[:len(path)-2] + "xx", clips[1].URLPath + "?" + signed, "/?" + signed, "/api/v1/clips/" + clips[0].ID + "?" + signed} {
		tab.open(forged)
		tab.wait(`!document.querySelector("video") && !document.querySelector(".card")`)
	}
}
