package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
)

// errKey is a certificate with another key than the one noted.
var errKey = errors.New("the box shows another key than the one noted for it: either somebody is in between, or the box was set up anew; clipctl login notes the new one")

// pin makes the box be known by the key of its certificate, whoever vouches for it and for whatever name: a box renews
// the certificate it made itself and keeps the key. An empty key leaves verification as it is.
func (b *box) pin(key string) {
	if key == "" {
		return
	}
	b.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || keyHash(s.PeerCertificates[0]) != key {
				return errKey
			}
			return nil
		},
	}
}

// keyHash is the SHA-256 of a certificate's public key (RFC 7469 §2.4), in base64.
func keyHash(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return fmt.Sprintf("sha256/%s", base64.StdEncoding.EncodeToString(sum[:]))
}
