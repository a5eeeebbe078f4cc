package sendfile

import (
	"strings"
	"testing"
)

func TestRequestReady(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: box\r\n\r\n"
	for cut := range len(request) {
		if requestReady([]byte(request[:cut])) {
			t.Errorf("%q is ready", request[:cut])
		}
	}
	for _, text := range []string{request, request + "GET", strings.ReplaceAll(request, "\r", "")} {
		if !requestReady([]byte(text)) {
			t.Errorf("%q is not ready", text)
		}
	}
}

func TestRecordReady(t *testing.T) {
	hello := append([]byte{22, 3, 1, 0, 4}, "abcd"...)
	for cut := range len(hello) {
		if recordReady(hello[:cut]) {
			t.Errorf("%v is ready", hello[:cut])
		}
	}
	for _, b := range [][]byte{hello, append(hello, 1), []byte("GET /")} {
		if !recordReady(b) {
			t.Errorf("%v is not ready", b)
		}
	}
}

// FuzzReady wants more bytes never to make unready what was ready: such a connection would never be lent.
func FuzzReady(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), []byte("x"))
	f.Add([]byte{22, 3, 1, 0, 1, 0}, []byte{})
	f.Fuzz(func(t *testing.T, b, more []byte) {
		for name, ready := range map[string]func([]byte) bool{"request": requestReady, "record": recordReady} {
			if ready(b) && !ready(append(b[:len(b):len(b)], more...)) {
				t.Errorf("%s: %q is ready, not so with %q behind it", name, b, more)
			}
		}
	})
}
