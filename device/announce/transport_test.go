package announce

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes one for 127.0.0.1 and returns its files and a pool that trusts it.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	for file, b := range map[string][]byte{cert: certPEM, key: keyPEM} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return cert, key, pool
}

func port(t *testing.T, addr string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEveryTransport announces a clip over tls, ws and wss, with verified certificates.
func TestEveryTransport(t *testing.T) {
	cert, key, pool := certificate(t)
	overTLS, overWS, overWSS := free(t), free(t), free(t)
	m := newMosquitto(t, "allow_anonymous true",
		"listener "+port(t, overTLS)+" 127.0.0.1", "certfile "+cert, "keyfile "+key,
		"listener "+port(t, overWS)+" 127.0.0.1", "protocol websockets",
		"listener "+port(t, overWSS)+" 127.0.0.1", "protocol websockets", "certfile "+cert, "keyfile "+key,
	).start()
	for _, url := range []string{"tls://" + overTLS, "ws://" + overWS, "wss://" + overWSS} {
		t.Run(url[:3], func(t *testing.T) {
			s := catalogue(t)
			c := config(s, url)
			c.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
			ch := subscribe(t, m.url(), "clipd/+/event")
			stop := start(t, hurry(New(c)))
			last := add(t, s, "front", 0, 1)
			if e := event(t, next(t, ch, "/event")); e.Seq != last {
				t.Errorf("announced %+v", e)
			}
			stop()
		})
	}
	t.Run("a certificate nobody vouches for", func(t *testing.T) {
		s := catalogue(t)
		c := config(s, "tls://"+overTLS)
		logged := make(lines, 10)
		c.Log = slog.New(logged)
		a := hurry(New(c))
		add(t, s, "front", 0, 1)
		start(t, a)
		if text := <-logged; text != "no session with the broker" {
			t.Errorf("logged %q", text)
		}
		if connected, _, text := a.Status(); connected || !strings.Contains(text, "certificate") || cursorOf(t, s) != 0 {
			t.Errorf("connected %v, last error %q", connected, text)
		}
	})
}

// lines is a log whose messages can be waited for.
type lines chan string

func (l lines) Enabled(context.Context, slog.Level) bool { return true }

func (l lines) Handle(_ context.Context, r slog.Record) error { l <- r.Message; return nil }

func (l lines) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l lines) WithGroup(string) slog.Handler { return l }
