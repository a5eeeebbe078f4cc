// Package certificate holds the certificate the box shows over TLS: the pair its owner supplied, or one the box makes
// itself and renews, with a key that stays.
//
// It may read and write two files in the state folder, certificate.pem and certificate-key.pem, and nothing else: where a
// supplied pair lies and what the box is called it is told by functions in Config. It knows no connection.
package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"clipd/device/clock"
)

// checkEvery is how often Run looks whether the box got another address, or the certificate is near its end.
const checkEvery = time.Minute

// soon is how long before its end a supplied certificate is a problem: those of ACME are renewed weeks before.
const soon = 7 * 24 * time.Hour

// Config is what a Source needs. All fields but Read are required.
type Config struct {
	Dir     string // the state folder
	Box     string // the box's id: a key that was made for another box, on a copied card, is not used
	Names   func() []string
	Clock   clock.Clock
	Log     *slog.Logger
	Problem func(text string) // states what is wrong with the certificate, "" when nothing is

	// Read returns the supplied pair in PEM, the certificate followed by its chain. nil: the box makes one itself.
	Read func() (cert, key []byte, err error)
}

// Source has the certificate that is shown now. Safe for concurrent use.
type Source struct {
	cfg   Config
	mu    sync.Mutex // one renewal or reload at a time
	shown atomic.Pointer[tls.Certificate]
}

// Open reads the supplied pair, or the box's own, which is made if there is none. A supplied pair that cannot be used is
// an error.
func Open(cfg Config) (*Source, error) {
	s := &Source{cfg: cfg}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cfg.Read != nil {
		return s, s.readSupplied()
	}
	return s, s.openOwn()
}

// Get is tls.Config.GetCertificate's. It does not block.
func (s *Source) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.shown.Load(), nil }

// Leaf is the certificate shown now, which must not be changed.
func (s *Source) Leaf() *x509.Certificate { return s.shown.Load().Leaf }

// Supplied tells whether the box's owner supplied the pair.
func (s *Source) Supplied() bool { return s.cfg.Read != nil }

// Reload reads a supplied pair again; after an error the one before stays. The box's own is renewed if it is due.
func (s *Source) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Read == nil {
		return s.renew()
	}
	if err := s.readSupplied(); err != nil {
		return err
	}
	s.checkSupplied()
	return nil
}

// Run renews the box's own certificate when its names change or its end is near, and states a problem with a supplied
// one, until ctx is done.
func (s *Source) Run(ctx context.Context) error {
	every := time.NewTicker(checkEvery)
	defer every.Stop()
	for {
		s.check()
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

func (s *Source) check() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Read != nil {
		s.checkSupplied()
		return
	}
	text := ""
	if err := s.renew(); err != nil {
		text = fmt.Sprintf("the certificate for HTTPS could not be renewed: %v", err)
	}
	s.cfg.Problem(text)
}

func (s *Source) readSupplied() error {
	cert, key, err := s.cfg.Read()
	if err != nil {
		return err
	}
	pair, err := Parse(cert, key)
	if err != nil {
		return err
	}
	s.shown.Store(pair)
	return nil
}

func (s *Source) checkSupplied() {
	text, end := "", s.Leaf().NotAfter
	switch left := end.Sub(s.cfg.Clock.Now()); {
	case !s.cfg.Clock.Synced():
	case left < 0:
		text = "the certificate of http.cert expired on " + end.Format(time.DateOnly) + ", so clients refuse HTTPS; renew it and send SIGHUP"
	case left < soon:
		text = "the certificate of http.cert expires on " + end.Format(time.DateOnly) + "; renew it and send SIGHUP"
	}
	s.cfg.Problem(text)
}

// Parse makes a pair of PEM texts and says in people's words what is wrong with them.
func Parse(cert, key []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("http.cert and http.key: %w", err)
	}
	if pair.Leaf == nil {
		return nil, errors.New("http.cert: it holds no certificate")
	}
	return &pair, nil
}
