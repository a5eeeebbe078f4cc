package httpd

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// field is the text of one member of a JSON answer.
func field(t testing.TB, a answer, name string) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	text, ok := v[name].(string)
	if !ok {
		t.Fatalf("no %s in %s", name, a.body)
	}
	return text
}

func TestLinksMadeOverHTTP(t *testing.T) {
	b := newBox(t)
	c := b.clip("front/a b.mp4", content(100))
	path := "/api/v1/clips/" + c.ID.String() + "/link"
	for _, v := range []struct {
		role store.Role
		body string
		want time.Duration
	}{
		{store.Viewer, ``, time.Hour}, {store.Viewer, `{}`, time.Hour}, {store.Viewer, `{"ttl":"90s"}`, 90 * time.Second},
		{store.Viewer, `{"ttl":"30d"}`, 24 * time.Hour}, {store.Operator, `{"ttl":"7d"}`, 7 * 24 * time.Hour},
		{store.Operator, `{"ttl":"1000d"}`, 30 * 24 * time.Hour}, {store.Admin, `{"ttl":"3600"}`, time.Hour},
	} {
		a := b.ask(v.role, "POST", path, v.body).is(t, 200, "")
		if got := field(t, a, "expires"); got != b.now.now.Add(v.want).Format("2006-01-02T15:04:05.000Z") {
			t.Errorf("%v %s: expires %s", v.role, v.body, got)
		}
		url := field(t, a, "url")
		if !strings.HasPrefix(url, b.url+api.ClipPath(c)+"?exp=") {
			t.Errorf("url: %s", url)
		}
		b.ask(store.NoRole, "GET", strings.TrimPrefix(url, b.url), "").is(t, 200, "")
	}
	for _, body := range []string{`{"ttl":"0"}`, `{"ttl":"-1h"}`, `{"ttl":"soon"}`, `{"ttl":3600}`, `{"until":"x"}`, `"1h"`} {
		b.ask(store.Viewer, "POST", path, body).is(t, 400, "bad-request")
	}
	b.ask(store.Viewer, "POST", "/api/v1/clips/0123456789abcdef/link", "").is(t, 404, "not-found")
}

func TestAddressesFollowThePublicURL(t *testing.T) {
	b := newBox(t, func(c *Config) { c.PublicURL = "https://clips.example.org/porch/" })
	c := b.clip("front/a.mp4", content(100))
	a := b.get("/api/v1/clips/"+c.ID.String()).is(t, 200, "")
	if got := field(t, a, "url"); got != "https://clips.example.org/porch"+api.ClipPath(c) {
		t.Errorf("url: %s", got)
	}
	if got := field(t, a, "url_path"); got != api.ClipPath(c) {
		t.Errorf("url_path: %s", got)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90": 90 * time.Second, "90s": 90 * time.Second, "1h": time.Hour, "1h30m": 90 * time.Minute, "7d": 7 * 24 * time.Hour, "0": 0,
	} {
		if got, err := parseDuration(text); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "-1", "-1d", "1.5d", "h", "99999999999d", "9223372036854775807", "1y"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}
