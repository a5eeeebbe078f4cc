package httpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"clipd/device/api"
	"clipd/device/sendfile"
)

// What the server allows a client. There is no WriteTimeout: it would cut healthy slow downloads.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 60 * time.Second
	maxHeader     = 16 << 10
)

// slots is how many connections can be in handlers at once. Event streams stay there as long as they last and must leave
// some to everybody else.
const slots = maxStreams + copies + 32

// copies is how many downloads at once handlers send themselves, over TLS that Go encrypts: each costs 60 kB (make vm-bench).
const copies = 32

// stopGrace is what transfers get at a stop. Tests are less patient.
var stopGrace = 10 * time.Second

func (s *Server) engineConfig() sendfile.Config {
	return sendfile.Config{
		Slots: slots, Copies: copies, MaxConns: s.cfg.MaxConns, MaxTransfers: s.cfg.MaxTransfers,
		TransferRate: s.cfg.TransferRate, TotalRate: s.cfg.TotalRate,
		HeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		Busy: func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, errBusy) },
	}
}

var errBusy = api.NewProblem(api.Busy, "Too many downloads at once", "Try again in a few seconds.")

// Serve answers on plain and, unless it is nil, over TLS on secure until ctx is done, then takes no new requests, ends event
// streams, gives all that is under way 10 s together (transfers as long as Outlive says) and returns nil.
// Both are TCP listeners; it closes them. Call it once.
func (s *Server) Serve(ctx context.Context, plain, secure net.Listener) error {
	run, halt := context.WithCancel(context.Background())
	moved := make(chan error, 1)
	go func() { moved <- s.engine.Run(run) }()
	hs := s.httpServer()
	var doors sync.WaitGroup
	err := s.answer(ctx, hs, &doors, plain, secure, moved)
	end := func(ctx context.Context) error {
		defer close(s.ended)
		err := s.stop(ctx, hs)
		s.drain(ctx)
		halt()
		return errors.Join(err, <-moved)
	}
	grace, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	if until := s.outlive.Load(); until != nil && err == nil {
		_ = hs.Shutdown(grace) // whose handler then still runs is being sent bytes, over TLS that Go encrypts
		doors.Wait()
		go end(*until) // how it ends is nobody's business any more
		return nil
	}
	err = errors.Join(err, end(grace))
	doors.Wait()
	return err
}

// answer is Serve until something ends it. The engine's end comes from moved and is put back there.
func (s *Server) answer(ctx context.Context, hs *http.Server, doors *sync.WaitGroup, plain, secure net.Listener, moved chan error) error {
	s.engine.Attach(hs)
	listeners, err := s.listen(plain, secure)
	if err != nil {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	served := make(chan error, len(listeners))
	for _, ln := range listeners {
		doors.Go(func() { served <- hs.Serve(ln) })
	}
	select {
	case <-ctx.Done():
		close(s.ending)
	case err := <-served:
		return errors.Join(fmt.Errorf("serve HTTP: %w", err), hs.Close())
	case err := <-moved:
		moved <- err
		_ = hs.Close()
	}
	return nil
}

// listen makes of sockets what connections come out of once a client has said something.
func (s *Server) listen(plain, secure net.Listener) ([]net.Listener, error) {
	conns, err := s.engine.Listener(plain)
	if err != nil {
		return nil, err
	}
	if secure == nil {
		return []net.Listener{conns}, nil
	}
	records, err := s.listenTLS(secure)
	if err != nil {
		return nil, err
	}
	return []net.Listener{conns, records}, nil
}

func (s *Server) httpServer() *http.Server {
	var only1 http.Protocols
	only1.SetHTTP1(true)
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		Protocols:         &only1,
		ConnContext:       connContext,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
}

// stop ends the requests hs knows of, by ctx at the latest.
func (s *Server) stop(ctx context.Context, hs *http.Server) error {
	err := hs.Shutdown(ctx)
	if err != nil && errors.Is(err, ctx.Err()) {
		s.cfg.Log.Warn("requests cut off by the stop")
		err = hs.Close()
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop HTTP: %w", err)
	}
	return nil
}

// drain ends the transfers and connections that only the engine knows of, by ctx at the latest.
func (s *Server) drain(ctx context.Context) {
	under := s.Transfers()
	if s.engine.Drain(ctx) != nil {
		s.cfg.Log.Warn("transfers cut off by the stop", "transfers", under)
	}
}
