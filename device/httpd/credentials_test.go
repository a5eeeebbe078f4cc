package httpd

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"clipd/device/link"
	"clipd/store"
)

// TestEveryRouteRefusesOthersCredentials goes through all routes with what is no way in: a link to a clip opens those bytes
// and nothing else, a browser's cookie counts only under the box's own names, and never for what another site asks of it.
func TestEveryRouteRefusesOthersCredentials(t *testing.T) {
	b := newBox(t)
	c := b.clip("front/a.mp4", content(1000))
	other := b.clip("front/b.mp4", content(1000))
	cookie := b.signedIn(store.Admin)
	_, query, _ := strings.Cut(linkOf(b, link.Clip, c, time.Hour), "?")
	fill := strings.NewReplacer("ID", other.ID.String(), "STYLE", styleName(t, b), "VIEWER", "no token")
	closed := 0
	for _, m := range may {
		if m.nobody != http.StatusUnauthorized {
			continue
		}
		closed++
		path := fill.Replace(m.path)
		linked := path + "?" + query
		if strings.Contains(path, "?") {
			linked = path + "&" + query
		}
		if a := b.ask(store.NoRole, m.method, linked, fill.Replace(m.body)); a.StatusCode != http.StatusUnauthorized && a.StatusCode != http.StatusForbidden {
			t.Errorf("%s %s with the link to another clip: %d", m.method, m.path, a.StatusCode)
		}
		b.ask(store.NoRole, m.method, path, fill.Replace(m.body), "Cookie", cookie, "Host", "rebound.example").is(t, http.StatusMisdirectedRequest, "")
		b.ask(store.NoRole, m.method, path, fill.Replace(m.body), "Cookie", strings.Replace(cookie, ".", ".1", 1)).is(t, http.StatusUnauthorized, "")
		if m.method != http.MethodGet {
			b.ask(store.NoRole, m.method, path, fill.Replace(m.body), "Cookie", cookie, "Origin", "https://evil.example").is(t, http.StatusForbidden, "")
		}
	}
	if closed < 30 {
		t.Errorf("only %d routes were tried", closed)
	}
	b.ask(store.NoRole, "GET", strings.TrimPrefix(linkOf(b, link.Clip, c, time.Hour), b.url), "").is(t, http.StatusOK, "")
	for _, left := range []store.Clip{c, other} { // nothing was done
		if got, _, err := b.cfg.Store.Clip(left.ID); err != nil || got.Pinned {
			t.Errorf("clip %s afterwards: pinned %v, %v", left.ID, got.Pinned, err)
		}
	}
}
