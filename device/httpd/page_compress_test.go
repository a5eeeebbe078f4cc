package httpd

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	"clipd/store"
)

func TestPagesTravelCompressed(t *testing.T) {
	b := newBox(t)
	b.many(60, func(int) string { return "front" })
	plain := b.page("/")
	a := b.ask(store.NoRole, "GET", "/", "", "Cookie", b.signedIn(store.Viewer), "Accept", "text/html", "Accept-Encoding", "gzip, deflate").is(t, 200, "")
	a.header(t, "Content-Encoding", "gzip")
	z, err := gzip.NewReader(bytes.NewReader(a.body))
	b.must(err)
	text, err := io.ReadAll(z)
	b.must(err)
	if len(text) < len(plain)*9/10 || !bytes.Contains(text, []byte("</html>")) || len(a.body) > 8000 {
		t.Errorf("%d bytes travelled for %d, plain %d", len(a.body), len(text), len(plain))
	}
}

func TestWhoTakesGzip(t *testing.T) {
	b := newBox(t)
	for accept, want := range map[string]string{
		"gzip": "gzip", "gzip, deflate": "gzip", "deflate, gzip;q=0.5": "gzip", "gzip;q=0": "", "gzip;q=0.0": "", "identity": "", "": "", "x-gzip": "",
	} {
		a := b.ask(store.NoRole, "GET", "/web/"+styleName(t, b), "", "Accept-Encoding", accept).is(t, 200, "")
		if got := a.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: %q, want %q", accept, got, want)
		}
		if want == "" && !bytes.Contains(a.body, []byte(":root")) {
			t.Errorf("Accept-Encoding %q: not plain", accept)
		}
	}
}
