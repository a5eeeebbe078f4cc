package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clipd/device/api"
)

const sample = "../../build/sample/sample.mp4"

// tlsStatus is what the tests read of the status.
type tlsStatus struct {
	URL string `json:"url"`
	TLS struct {
		URL        string   `json:"url"`
		Key        string   `json:"key"`
		SelfSigned bool     `json:"self_signed"`
		Names      []string `json:"names"`
	} `json:"tls"`
}

// httpsBox prepares a box with more in [http] of its configuration.
func httpsBox(t *testing.T, more string) *box {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clipd.toml")
	must(t, os.WriteFile(file, []byte("[http]\nlisten_tls = \"127.0.0.1:0\"\n"+more), 0o600))
	return newBox(t, "-broker", "none", "-config", file)
}

// pinned is a client that believes the key and nothing else.
func pinned(key string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if api.KeyHash(s.PeerCertificates[0]) != key {
				return x509.UnknownAuthorityError{Cert: s.PeerCertificates[0]}
			}
			return nil
		},
	}}}
}

// ask is a GET with the admin's token.
func (b *box) ask(c *http.Client, url string, header ...string) (int, []byte) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, url, nil)
	must(b.t, err)
	req.Header.Set("Authorization", "Bearer "+b.token())
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.Do(req)
	must(b.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(b.t, err)
	return res.StatusCode, body
}

// sampleClip puts a recording in and waits until it is a clip.
func (b *box) sampleClip() event {
	b.t.Helper()
	copyFile(b.t, sample, b.recordings("porch", "sample.mp4"))
	var e event
	b.follow(func(got event) bool { e = got; return got.EventType == "clip_added" })
	return e
}

func TestHTTPSGivesWhatHTTPGives(t *testing.T) {
	b := httpsBox(t, "")
	b.start()
	e := b.sampleClip()
	var s tlsStatus
	b.get("/api/v1/status", &s)
	if !s.TLS.SelfSigned || !strings.Contains(b.lines.all(), s.TLS.Key) || !strings.HasPrefix(s.URL, "http://") {
		t.Errorf("status says %+v; the log:\n%s", s, b.lines.all())
	}
	leaf := peer(t, strings.TrimPrefix(s.TLS.URL, "https://"))
	for _, name := range append(s.TLS.Names, "localhost", "127.0.0.1") {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	client := pinned(s.TLS.Key)
	path := "/clips/" + e.ID + "/sample.mp4"
	for _, header := range [][]string{{}, {"Range", "bytes=1000-70000"}, {"Range", "bytes=-9"}, {"If-None-Match", `"` + e.ID + `"`}, {"Range", "bytes=0-0,5-9"}} {
		code, plain := b.ask(http.DefaultClient, b.url+path, header...)
		codeTLS, secret := b.ask(client, s.TLS.URL+path, header...)
		if code != codeTLS || len(plain) != len(secret) || len(header) == 0 && !bytes.Equal(plain, secret) {
			t.Errorf("%v: HTTP says %d with %d bytes, HTTPS %d with %d", header, code, len(plain), codeTLS, len(secret))
		}
	}
	must(t, b.stop())
	b.start()
	again := s
	b.get("/api/v1/status", &again)
	if again.TLS.Key != s.TLS.Key {
		t.Errorf("after a restart the key is %s, before it was %s", again.TLS.Key, s.TLS.Key)
	}
}

func TestHTTPSCookieIsSecure(t *testing.T) {
	b := httpsBox(t, "")
	b.start()
	var s tlsStatus
	b.get("/api/v1/status", &s)
	client := pinned(s.TLS.Key)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for base, secure := range map[string]bool{b.url: false, s.TLS.URL: true} {
		res, err := client.PostForm(base+"/login", url.Values{"token": {b.token()}})
		must(t, err)
		res.Body.Close()
		if c := res.Cookies(); len(c) != 1 || c[0].Secure != secure {
			t.Errorf("%s sets %v", base, c)
		}
	}
	// Whoever speaks plain HTTP to it hears what is wrong.
	code, text := b.ask(http.DefaultClient, strings.Replace(s.TLS.URL, "https:", "http:", 1)+"/")
	if code != http.StatusBadRequest || !bytes.Contains(text, []byte("HTTPS")) {
		t.Errorf("plain HTTP is answered %d: %s", code, text)
	}
}

// writePair writes a certificate for names, which nobody vouches for, and its key into dir.
func writePair(t *testing.T, dir string, names ...string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour)}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "box.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "box.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	return leaf
}

func TestSuppliedCertificateIsAnnouncedAndReadAgain(t *testing.T) {
	b := httpsBox(t, "cert = \"box.crt\"\nkey = \"box.key\"\n")
	dir := filepath.Dir(b.args[len(b.args)-1])
	first := writePair(t, dir, "127.0.0.1")
	m := newMosquitto(t)
	messages := m.subscribe("clipd/#")
	b.args = append(b.args, "-broker", m.url())
	b.start()
	copyFile(t, sample, b.recordings("porch", "sample.mp4"))
	e := messages.added("porch/sample.mp4")
	if !strings.HasPrefix(e.URL, "https://127.0.0.1:") {
		t.Errorf("the event carries %s", e.URL)
	}
	address := strings.TrimPrefix(e.URL, "https://")
	address, _, _ = strings.Cut(address, "/")
	shown := func() string { return api.KeyHash(peer(t, address)) }
	if code, body := b.ask(pinned(api.KeyHash(first)), e.URL); code != http.StatusOK || int64(len(body)) != e.Size {
		t.Errorf("%s answers %d with %d bytes", e.URL, code, len(body))
	}
	must(t, os.WriteFile(filepath.Join(dir, "box.crt"), []byte("broken"), 0o600))
	b.cmd.Process.Signal(syscall.SIGHUP)
	b.log("not everything could be read again")
	if shown() != api.KeyHash(first) {
		t.Error("a broken pair replaced a good one")
	}
	second := writePair(t, dir, "127.0.0.1")
	b.cmd.Process.Signal(syscall.SIGHUP)
	b.log("tokens, certificate and configuration read again")
	if shown() != api.KeyHash(second) {
		t.Error("the new pair is not shown")
	}
}

// peer is the certificate shown at address.
func peer(t *testing.T, address string) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	must(t, err)
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}
