package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clipd/device/api"
)

// ownPair is a certificate that nobody vouches for.
func ownPair(t *testing.T, key *ecdsa.PrivateKey) *tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"box.local"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestKeyIsPinnedAndAChangeRefused(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	var f fakeBox
	f.add("front/a.mp4", nil)
	var shown atomic.Pointer[tls.Certificate]
	key := newKey(t)
	shown.Store(ownPair(t, key))
	srv := httptest.NewUnstartedServer(f.handler())
	srv.Listener = tls.NewListener(srv.Listener, &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return shown.Load(), nil },
	})
	srv.Start()
	defer srv.Close()
	url := "https://" + srv.Listener.Addr().String()

	says := func(want int, text string, args ...string) {
		t.Helper()
		if code, out, errs := ctl(t, "", args...); code != want || !strings.Contains(out+errs, text) {
			t.Errorf("clipctl %s: exit %d, want %d and %q: %s%s", strings.Join(args, " "), code, want, text, out, errs)
		}
	}
	login := []string{"login", url, "--token", token, "--name", "porch"}
	says(exitRefused, "clipctl login", "ls", "--url", url)
	says(exitOK, "signed in", append(login, "--yes")...)
	says(exitOK, "0000000000000000", "ls", "--box", "porch")

	shown.Store(ownPair(t, key)) // renewed: another certificate, the same key
	says(exitOK, "0000000000000000", "ls", "--box", "porch")
	says(exitOK, "signed in", login...) // nothing to ask

	shown.Store(ownPair(t, newKey(t)))
	says(exitRefused, "another key", "ls", "--box", "porch")
	says(exitRefused, "another key", "ls", "--url", url)
	if c, err := readConfig(); err != nil || c.Box["porch"].Key != api.KeyHash(ownPair(t, key).Leaf) {
		t.Errorf("the key noted was replaced: %v (%v)", c.Box["porch"].Key, err)
	}
	says(exitOK, "signed in", append(login, "--yes")...)
	says(exitOK, "0000000000000000", "ls", "--box", "porch")
}
