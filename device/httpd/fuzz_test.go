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

// FuzzBodies: no body that a request may bring makes it fail by any fault but the client's.
func FuzzBodies(f *testing.F) {
	b := newBox(f)
	c := b.clip("front/a.mp4", content(100))
	for _, body := range []string{`{"ttl":"1h"}`, `{"consumer":"nas","sha256":""}`, `{"target":"nas"}`, `{}`, `[]`, `{"ttl":1e999}`, `{"url":"file:///etc/passwd"}`, `{"consumer":"\u0000"}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		b.t = t
		r := b.request(http.MethodPost, "/api/v1/clips/"+c.ID.String()+"/link", strings.NewReader(body), "Content-Type", "application/json", "Authorization", "Bearer "+b.secret[store.Operator])
		if a := b.do(r); a.StatusCode >= 500 || a.StatusCode == http.StatusUnauthorized {
			t.Errorf("%q is answered %d: %s", body, a.StatusCode, a.body)
		}
	})
}
