package httpd

import (
	"io"
	"strings"
	"sync"
	"testing"

	"clipd/device/api"
	"clipd/store"
)

// saved is what the settings were told over HTTP.
type saved struct {
	mu      sync.Mutex
	patches []string
	kept    []bool
}

func (s *saved) patch(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.patches = append(s.patches, string(p))
	if strings.Contains(string(p), "refuse") {
		return &api.Problem{Type: api.BadRequest, Status: 400, Title: "The settings were not saved", Detail: "name: refused",
			Errors: []api.KeyError{{Key: "name", Detail: "refused"}}}
	}
	return nil
}

func (s *saved) confirm(keep bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, keep)
	return nil
}

func (s *saved) told() api.Settings {
	return api.Settings{Config: map[string]any{"name": "porch"}, Sources: map[string]string{"name": "clipd.toml:1"}}
}

// WriteTo writes the log as the daemon's tail does.
func (l *testLog) WriteTo(w io.Writer) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := io.WriteString(w, l.text.String())
	return int64(n), err
}

func TestSettingsOverHTTP(t *testing.T) {
	b := newBox(t)
	a := b.ask(store.Admin, "PUT", "/api/v1/config", `{"name":"shed"}`).is(t, 202, "")
	if !a.Close {
		t.Error("the connection stays open, to a server that is about to end")
	}
	a = b.ask(store.Admin, "PUT", "/api/v1/config", `{"name":"refuse"}`).is(t, 400, "bad-request")
	if !strings.Contains(string(a.body), `"errors":[{"key":"name"`) {
		t.Errorf("the problem does not tell the key: %s", a.body)
	}
	b.ask(store.Admin, "PUT", "/api/v1/config", `{"name":"`+strings.Repeat("x", maxPatch)+`"}`).is(t, 400, "bad-request")
	b.ask(store.Admin, "POST", "/api/v1/config/confirm", ``).is(t, 204, "")
	b.ask(store.Admin, "POST", "/api/v1/config/confirm", `{"keep":false}`).is(t, 204, "")
	b.ask(store.Admin, "POST", "/api/v1/config/confirm", `{"keep":"no"}`).is(t, 400, "bad-request")
	b.saved.mu.Lock()
	defer b.saved.mu.Unlock()
	if len(b.saved.patches) != 2 || b.saved.patches[0] != `{"name":"shed"}` {
		t.Errorf("the patches were %q", b.saved.patches)
	}
	if len(b.saved.kept) != 2 || !b.saved.kept[0] || b.saved.kept[1] {
		t.Errorf("confirmed: %v", b.saved.kept)
	}
}

// Another site cannot change settings with the browser's session.
func TestAnotherSiteChangesNoSettings(t *testing.T) {
	b := newBox(t)
	cookie := b.signedIn(store.Admin)
	r := b.request("PUT", "/api/v1/config", strings.NewReader(`{"name":"theirs"}`), "Cookie", cookie, "Sec-Fetch-Site", "cross-site")
	b.do(r).is(t, 403, "forbidden")
	r = b.request("PUT", "/api/v1/config", strings.NewReader(`{"name":"ours"}`), "Cookie", cookie, "Sec-Fetch-Site", "same-origin")
	b.do(r).is(t, 202, "")
	b.saved.mu.Lock()
	defer b.saved.mu.Unlock()
	if len(b.saved.patches) != 1 || b.saved.patches[0] != `{"name":"ours"}` {
		t.Errorf("the patches were %q", b.saved.patches)
	}
}

func TestTheLogIsAFileForAdmins(t *testing.T) {
	b := newBox(t)
	b.get("/api/v1/clips").is(t, 200, "")
	b.cfg.Log.Info("something happened")
	a := b.ask(store.Admin, "GET", "/api/v1/log", "").is(t, 200, "")
	a.header(t, "Content-Type", "text/plain; charset=utf-8")
	a.header(t, "Content-Disposition", `attachment; filename="clipd-0123456789ab-log.txt"`)
	if !strings.Contains(string(a.body), "something happened") {
		t.Errorf("the log is %q", a.body)
	}
}
