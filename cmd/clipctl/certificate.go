package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"clipd/device/api"
)

// errKey is a certificate with another key than the one noted.
var errKey = errors.New("the box shows another key than the one noted for it: either somebody is in between, or the box was set up anew; clipctl login notes the new one")

// errUnknownKey is a certificate that nobody vouches for, of a box whose key is not noted.
var errUnknownKey = errors.New("nobody this machine trusts vouches for the certificate; if the box made it itself, clipctl login shows and notes its key")

// explain says what to do about a certificate that was not believed.
func explain(err error) error {
	var wrong *tls.CertificateVerificationError
	if errors.As(err, &wrong) && !errors.Is(err, errKey) {
		return fmt.Errorf("%w: %w", err, errUnknownKey)
	}
	return err
}

// pin makes the box be known by the key of its certificate, whoever vouches for it and for whatever name: a box renews
// the certificate it made itself and keeps the key. An empty key leaves verification as it is.
func (b *box) pin(key string) {
	if key == "" {
		return
	}
	b.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || api.KeyHash(s.PeerCertificates[0]) != key {
				return errKey
			}
			return nil
		},
	}
}
