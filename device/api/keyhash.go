package api

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
)

// KeyHash is how a box's TLS key is shown to people and pinned by clients: "sha256/" and the base64 of the SHA-256 of the
// certificate's SubjectPublicKeyInfo, RFC 7469 §2.4. It stays when a certificate is renewed.
func KeyHash(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}
