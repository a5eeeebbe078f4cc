package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"clipd/store"
)

const (
	certFile = "certificate.pem"
	keyFile  = "certificate-key.pem"
)

// A board without a clock battery starts in the past, and so does its certificate: clients, who know the time, would refuse
// one that begins or ended at some other time.
var (
	starts = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	// noEarlier is what the clock says at least when a certificate's end is computed.
	noEarlier = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

const (
	lasts      = 10 * 365 * 24 * time.Hour
	renewAhead = 365 * 24 * time.Hour
)

// openOwn reads the pair in the state folder. What is missing or cannot be used is made; a key that can is kept.
func (s *Source) openOwn() error {
	key, err := s.readKey()
	if err != nil {
		return err
	}
	old := s.readCert(key)
	if key == nil || old != nil && old.Subject.CommonName != s.commonName() {
		return s.makeKey()
	}
	if old == nil {
		return s.make(key)
	}
	s.show(old, key)
	return s.renew()
}

// readKey returns nil where there is no key, or none that can be used.
func (s *Source) readKey() (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(filepath.Join(s.cfg.Dir, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the key for HTTPS: %w", err)
	}
	if block, _ := pem.Decode(text); block != nil {
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if own, ok := key.(*ecdsa.PrivateKey); err == nil && ok {
			return own, nil
		}
	}
	s.cfg.Log.Warn("the key for HTTPS is damaged; clients that pinned it must be told of the new one", "file", keyFile)
	return nil, nil
}

// readCert returns nil where there is no certificate, or none of key.
func (s *Source) readCert(key *ecdsa.PrivateKey) *x509.Certificate {
	text, err := os.ReadFile(filepath.Join(s.cfg.Dir, certFile))
	block, _ := pem.Decode(text)
	if err != nil || block == nil || key == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !key.PublicKey.Equal(cert.PublicKey) {
		return nil
	}
	return cert
}

func (s *Source) commonName() string { return "clipd " + s.cfg.Box }

// makeKey makes a new key and a certificate for it.
func (s *Source) makeKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key for HTTPS: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("make a key for HTTPS: %w", err)
	}
	if err := s.write(keyFile, "PRIVATE KEY", der, 0o600); err != nil {
		return err
	}
	return s.make(key)
}

// renew makes another certificate for the same key if the one shown is not good for much longer, or lacks a name.
func (s *Source) renew() error {
	shown := s.shown.Load()
	if !s.due(shown.Leaf) {
		return nil
	}
	return s.make(shown.PrivateKey.(*ecdsa.PrivateKey))
}

func (s *Source) due(c *x509.Certificate) bool {
	if s.cfg.Clock.Synced() && c.NotAfter.Sub(s.cfg.Clock.Now()) < renewAhead {
		return true
	}
	return slices.ContainsFunc(s.cfg.Names(), func(name string) bool { return c.VerifyHostname(name) != nil })
}

func (s *Source) make(key *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, s.template(), s.template(), &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make a certificate for HTTPS: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("make a certificate for HTTPS: %w", err)
	}
	if err := s.write(certFile, "CERTIFICATE", der, 0o644); err != nil {
		return err
	}
	s.show(c, key)
	s.cfg.Log.Info("made a certificate for HTTPS", "names", c.DNSNames, "addresses", c.IPAddresses, "until", c.NotAfter.Format(time.DateOnly))
	return nil
}

func (s *Source) template() *x509.Certificate {
	now := s.cfg.Clock.Now()
	if now.Before(noEarlier) {
		now = noEarlier
	}
	serial := make([]byte, 16) // RFC 5280 §4.1.2.2: positive, at most 20 bytes
	rand.Read(serial)
	t := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: s.commonName()},
		NotBefore: starts, NotAfter: now.Add(lasts).UTC().Truncate(time.Second),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, name := range s.cfg.Names() {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	return t
}

func (s *Source) show(c *x509.Certificate, key *ecdsa.PrivateKey) {
	s.shown.Store(&tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c})
}

func (s *Source) write(name, kind string, der []byte, mode uint32) error {
	return store.WriteFile(s.cfg.Dir, name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
