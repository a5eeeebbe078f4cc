package httpd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// What the server allows a client. There is no WriteTimeout: it would cut healthy slow downloads.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 60 * time.Second
	maxHeader     = 16 << 10
)

// stopGrace is what transfers get at a stop. Tests are less patient.
var stopGrace = 10 * time.Second

// Server answers HTTP for one box. Safe for concurrent use.
type Server struct {
	cfg         Config
	routes      http.Handler
	sessions    sessions
	hosts       hosts
	attempts    *attempts
	metrics     *metricSet
	crossOrigin http.CrossOriginProtection
	transfers   atomic.Int64
	streams     atomic.Int64

	ending  chan struct{} // closed when the box stops: event streams end
	endOnce sync.Once
}

// New returns a Server that listens nowhere yet.
func New(cfg Config) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg:      cfg,
		hosts:    newHosts(cfg),
		attempts: newAttempts(),
		ending:   make(chan struct{}),
	}
	key := cfg.SessionKey
	if key == nil {
		key = make([]byte, 32)
		rand.Read(key)
	}
	s.sessions = sessions{key: key, cookie: "clipd-" + cfg.Box.ID, tokens: cfg.Tokens, clock: cfg.Clock}
	if u, err := url.Parse(cfg.PublicURL); err == nil && u.Host != "" {
		// A proxy may hand requests on under another Host than the one the browser saw.
		_ = s.crossOrigin.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	s.metrics = newMetrics(s)
	s.routes = s.table()
	return s
}

// Handler answers every route. A test or another listener may use it without Serve.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }

// Transfers is how many responses with a file body are on their way.
func (s *Server) Transfers() int { return int(s.transfers.Load()) }

// Serve answers on ln until ctx is done, then takes no new requests, ends event streams, gives transfers 10 s and
// returns nil. It closes ln. It may be called for several listeners at once, but not again after a stop.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	gate := newGate(ln, s.cfg.MaxConns)
	hs := s.httpServer(gate)
	failed := make(chan error, 1)
	go func() { failed <- hs.Serve(gate) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving HTTP on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	s.endOnce.Do(func() { close(s.ending) })
	err := s.stop(hs, gate)
	<-failed
	return err
}

func (s *Server) httpServer(gate *gate) *http.Server {
	var only1 http.Protocols
	only1.SetHTTP1(true)
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		Protocols:         &only1,
		ConnState:         gate.state,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
}

// stop ends hs within the grace that transfers get. Connections that carry no request are closed at once:
// Shutdown would wait five seconds for those that never sent one.
func (s *Server) stop(hs *http.Server, gate *gate) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	gate.Close()
	gate.closeWaiting()
	err := hs.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.cfg.Log.Warn("transfers cut off by the stop", "transfers", s.Transfers())
		err = hs.Close()
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stopping HTTP: %w", err)
	}
	return nil
}
