package device

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clipd/device/certificate"
)

// supplied writes a pair for names beside the configuration file of c.
func supplied(t *testing.T, c *Config, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{c.HTTP.Cert: {Type: "CERTIFICATE", Bytes: der}, c.HTTP.Key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(c.file), name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Messages carry https only with an owner's certificate, and a name that it is for.
func TestMessagesCarryNamesOfTheCertificate(t *testing.T) {
	lan := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 50000}
	for _, tt := range []struct {
		names []string
		hosts string
		want  string
	}{
		{[]string{"192.0.2.7", "box.example.org"}, "", "https://192.0.2.7:8471"},
		{[]string{"box.example.org"}, "", "https://box.example.org:8471"},
		{[]string{"*.example.org"}, "", ""},
		{[]string{"*.example.org"}, `"porch.example.org"`, "https://porch.example.org:8471"},
		{[]string{"198.51.100.9"}, "", ""},
	} {
		c, err := load(t, "[http]\nlisten_tls = \":8471\"\ncert = \"a.crt\"\nkey = \"a.key\"\nhosts = ["+tt.hosts+"]")
		if err != nil {
			t.Fatal(err)
		}
		supplied(t, &c, tt.names...)
		b := &box{cfg: c, listenerTLS: heard{&net.TCPAddr{IP: net.IPv6unspecified, Port: 8471}}}
		if b.certificate, err = certificate.Open(certificate.Config{Read: b.cfg.readPair}); err != nil {
			t.Fatal(err)
		}
		if got := b.httpsURL(lan); got != tt.want {
			t.Errorf("with a certificate for %q: %q, want %q", tt.names, got, tt.want)
		}
	}
}

// heard is a listener that only has an address.
type heard struct{ addr net.Addr }

func (h heard) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (h heard) Close() error              { return nil }
func (h heard) Addr() net.Addr            { return h.addr }

func TestCheckConfigTriesThePair(t *testing.T) {
	c, err := load(t, "[http]\nlisten_tls = \":8471\"\ncert = \"a.crt\"\nkey = \"a.key\"")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := CheckConfig(c, &out); err == nil || !strings.Contains(err.Error(), "a.crt") {
		t.Errorf("a pair that is not there: %v", err)
	}
	supplied(t, &c, "box.example.org")
	if err := CheckConfig(c, &out); err != nil || !strings.Contains(out.String(), "box.example.org") {
		t.Errorf("a good pair: %v\n%s", err, out.String())
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(c.file), "a.key"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CheckConfig(c, &out); err == nil || !strings.Contains(err.Error(), "http.key") {
		t.Errorf("a broken key: %v", err)
	}
}

func TestOwnNamesCanStandInACertificate(t *testing.T) {
	c := Defaults()
	c.Name = "Haustür vorn"
	c.HTTP.Hosts = []string{"Box.Example.org", "fd00::7", "fe80::1%eth0", "*.bad", ""}
	c.HTTP.PublicURL = "https://clips.example.org/porch"
	names := c.ownNames()
	for _, want := range []string{"localhost", "127.0.0.1", "box.example.org", "fd00::7", "clips.example.org"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in %q", want, names)
		}
	}
	for _, not := range []string{"haustür vorn", "fe80::1%eth0", "*.bad", ""} {
		if slices.Contains(names, not) {
			t.Errorf("%q is among %q", not, names)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("another order at the next start: %q", names)
	}
}
