package httpd

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"clipd/device/api"
	"clipd/store"
)

// FuzzRange: whatever a client asks for, it gets the bytes that the answer says, or none.
func FuzzRange(f *testing.F) {
	b := newBox(f)
	data := content(1000)
	c := b.clip("front/a.mp4", data)
	etag := `"` + c.ID.String() + `"`
	for _, ask := range []string{"bytes=0-99", "bytes=-1", "bytes=999-", "bytes=5-1", "bytes=0-0,5-9", "bytes=99999999999999999999-", "items=1", "bytes=", "bytes=0-,-1"} {
		f.Add(ask, etag, "")
		f.Add(ask, "Sun, 22 Nov 2026 07:55:01 GMT", etag)
	}
	f.Fuzz(func(t *testing.T, ask, ifRange, ifNoneMatch string) {
		b.t = t
		r := b.request(http.MethodGet, api.ClipPath(c), nil, "Authorization", "Bearer "+b.secret[store.Viewer])
		for name, value := range map[string]string{"Range": ask, "If-Range": ifRange, "If-None-Match": ifNoneMatch} {
			if !printable(value) {
				t.Skip("no client can send it")
			}
			r.Header.Set(name, value)
		}
		a := b.do(r)
		switch a.StatusCode {
		case http.StatusOK:
			if !bytes.Equal(a.body, data) {
				t.Errorf("200 with %d bytes", len(a.body))
			}
		case http.StatusPartialContent:
			if !strings.HasPrefix(a.Header.Get("Content-Type"), "multipart/") && (len(a.body) > len(data) || !bytes.Contains(data, a.body)) {
				t.Errorf("206 with %d bytes that are no part of the file", len(a.body))
			}
		case http.StatusNotModified, http.StatusRequestedRangeNotSatisfiable, http.StatusPreconditionFailed:
		default:
			t.Errorf("%q, %q, %q is answered %d", ask, ifRange, ifNoneMatch, a.StatusCode)
		}
	})
}

// printable reports whether s may be the value of a header, RFC 9110 §5.5.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) && len(s) < 4096
}

// FuzzList: no query makes listing fail by any fault but the client's.
func FuzzList(f *testing.F) {
	b := newBox(f)
	b.many(5, func(int) string { return "front" })
	for _, q := range []string{"", "camera=front&limit=2", "cursor=x", "from=2026-11-22T07:55:01Z&to=now", "pinned=true&order=oldest", "limit=-1", "limit=99999999999999999999"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		b.t = t
		r := b.request(http.MethodGet, "/api/v1/clips", nil, "Authorization", "Bearer "+b.secret[store.Viewer])
		r.URL.RawQuery = query
		if !printable(query) || strings.ContainsAny(query, " #") {
			t.Skip("no client can send it")
		}
		if a := b.do(r); a.StatusCode >= 500 || a.StatusCode == http.StatusUnauthorized {
			t.Errorf("%q is answered %d: %s", query, a.StatusCode, a.body)
		}
	})
}

// bodies are the routes that read a JSON body, below the one clip there is where they begin with a dot.
var bodies = []struct{ method, path string }{
	{http.MethodPost, "./link"}, {http.MethodPost, "./ack"}, {http.MethodPost, "./push"}, {http.MethodPost, "/archive.zip"},
	{http.MethodPost, "/api/v1/tokens"}, {http.MethodPut, "/api/v1/config"}, {http.MethodPost, "/api/v1/retention/confirm"},
	{http.MethodPost, "/login"},
}

// FuzzBodies: no body that a request may bring makes it fail by any fault but the client's.
func FuzzBodies(f *testing.F) {
	b := newBox(f)
	c := b.clip("front/a.mp4", content(100))
	for i, body := range []string{
		`{"ttl":"1h"}`, `{"consumer":"nas","sha256":""}`, `{"target":"nas"}`, `{"ids":["x"]}`, `{"name":"a","role":"viewer"}`,
		`{"http":{"listen":":1"}}`, `{"token":"x"}`, `token=x`, `{}`, `[]`, `{"ttl":1e999}`, `{"url":"file:///etc/passwd"}`, `{"consumer":"\u0000"}`,
	} {
		f.Add(uint8(i), body)
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		b.t = t
		to := bodies[int(which)%len(bodies)]
		path := to.path
		if path[0] == '.' {
			path = "/api/v1/clips/" + c.ID.String() + path[1:]
		}
		r := b.request(to.method, path, strings.NewReader(body), "Content-Type", "application/json", "Authorization", "Bearer "+b.secret[store.Admin])
		if a := b.do(r); a.StatusCode >= 500 && a.StatusCode != http.StatusNotImplemented && a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s %s with %q is answered %d: %s", to.method, path, body, a.StatusCode, a.body)
		}
	})
}

// FuzzCookies: no cookie signs anybody in but one that the box has made.
func FuzzCookies(f *testing.F) {
	b := newBox(f)
	name := "clipd-" + b.cfg.Box.ID
	for _, value := range []string{"", "a", "..", "YWRtaW4.0.", "YWRtaW4.0.AAAA", "YWRtaW4.-1.AAAA", strings.Repeat("A", 5000)} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		b.t = t
		if !printable(value) {
			t.Skip("no client can send it")
		}
		r := b.request(http.MethodGet, "/api/v1/clips", nil, "Cookie", name+"="+value)
		if a := b.do(r); a.StatusCode < 400 || a.StatusCode >= 500 {
			t.Errorf("the cookie %q is answered %d", value, a.StatusCode)
		}
	})
}
