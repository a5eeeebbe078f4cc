package httpd

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"sync/atomic"

	"clipd/device/sendfile"
)

// Server answers HTTP for one box. Safe for concurrent use.
type Server struct {
	cfg         Config
	routes      http.Handler
	sessions    sessions
	hosts       hosts
	attempts    *attempts
	metrics     *metricSet
	crossOrigin http.CrossOriginProtection
	engine      *sendfile.Engine
	fetched     fetched
	opening     chan struct{} // held while a file is opened
	archives    *archives
	streams     atomic.Int64

	ending  chan struct{}                   // closed when the box stops: event streams end
	outlive atomic.Pointer[context.Context] // until when transfers may go on after Serve; nil: they may not
	ended   chan struct{}                   // closed when nothing of the server is left
}

// New returns a Server that listens nowhere yet, or why the system lets nobody wait for sockets. It holds descriptors that
// the end of Serve gives back.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg:      cfg,
		hosts:    newHosts(cfg),
		attempts: newAttempts(),
		archives: newArchives(cfg),
		opening:  make(chan struct{}, 4),
		ending:   make(chan struct{}),
		ended:    make(chan struct{}),
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
	var err error
	if s.engine, err = sendfile.New(s.engineConfig()); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(s)
	s.routes = s.table()
	return s, nil
}

// Handler answers every route. A test or another listener may use it besides Serve.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }
