package httpd

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"clipd/store"
)

// Whatever is said about the length of a request, two servers in a row must not disagree on where it ends: what follows is
// one answer and the end of the connection, or an answer to what RFC 9112 §6 says is another request.
func TestNoRequestIsSmuggled(t *testing.T) {
	const hidden = "GET /api/v1/clips HTTP/1.1\r\nHost: x\r\n\r\n"
	b := newBox(t)
	post := b.honest()
	length := fmt.Sprintf("Content-Length: %d\r\n", 5+len(hidden))
	for name, request := range map[string]string{
		"both, §6.1":                   post + length + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"both, the other way round":    post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + hidden,
		"unknown coding":               post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"two codings":                  post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"chunked is not last":          post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + hidden,
		"blank before the colon":       post + "Transfer-Encoding : chunked\r\n" + length + "\r\n0\r\n\r\n" + hidden,
		"folded":                       post + "Transfer-Encoding:\r\n chunked\r\n" + length + "\r\n0\r\n\r\n" + hidden,
		"control before the coding":    post + "Transfer-Encoding: \x0bchunked\r\n" + length + "\r\n0\r\n\r\n" + hidden,
		"lengths that differ":          post + "Content-Length: 0\r\n" + length + "\r\n" + hidden,
		"a list of lengths":            post + "Content-Length: 0, 44\r\n\r\n" + hidden,
		"a sign":                       post + "Content-Length: +0\r\n\r\n" + hidden,
		"hexadecimal":                  post + "Content-Length: 0x0\r\n\r\n" + hidden,
		"negative":                     post + "Content-Length: -1\r\n\r\n" + hidden,
		"chunk too long for a number":  post + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n" + hidden,
		"chunk with a sign":            post + "Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n" + hidden,
		"chunk ends without CRLF":      post + "Transfer-Encoding: chunked\r\n\r\n1\r\nab0\r\n\r\n" + hidden,
		"header line begins blank":     "GET /healthz HTTP/1.1\r\n Content-Length: 44\r\nHost: x\r\n\r\n" + hidden,
		"bare CR in a value":           post + "X: a\rContent-Length: 44\r\n\r\n" + hidden,
		"NUL in a value":               post + "X: a\x00b\r\n" + length + "\r\n" + hidden,
		"body of a GET":                "GET /healthz HTTP/1.1\r\nHost: x\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(hidden)) + hidden,
		"HTTP/1.0 with both":           "GET /healthz HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n" + length + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"an upgrade nobody asked for":  "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 44\r\n\r\n" + hidden,
		"absolute form of another box": "GET http://elsewhere/healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 44\r\n\r\n" + hidden,
	} {
		t.Run(name, func(t *testing.T) {
			conn := b.dial()
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			b.must(conn.(interface{ CloseWrite() error }).CloseWrite())
			all, _ := io.ReadAll(conn)
			if n := strings.Count(string(all), "HTTP/1."); n != 1 || strings.Contains(string(all), `"clips"`) {
				t.Errorf("%d answers to one request: %s", n, all)
			}
		})
	}
}

// honest begins a request that reads its body.
func (b *box) honest() string {
	c := b.clip("front/a.mp4", content(10))
	return "POST /api/v1/clips/" + c.ID.String() + "/link HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + b.secret[store.Viewer] + "\r\n"
}

// A request in chunks is the last of its connection, however honest; others are not.
func TestAChunkedRequestIsTheLast(t *testing.T) {
	b := newBox(t)
	post := b.honest()
	next := "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for first, want := range map[string]int{
		post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 1,
		post + "Content-Length: 12\r\n\r\n" + `{"ttl":"1h"}`: 2,
		"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":           2,
	} {
		conn := b.dial()
		if _, err := io.WriteString(conn, first+next); err != nil {
			t.Fatal(err)
		}
		all, _ := io.ReadAll(conn)
		if n := strings.Count(string(all), "HTTP/1.1 200 OK"); n != want {
			t.Errorf("%q: %d answers, want %d: %s", first, n, want, all)
		}
	}
}
