package ktls

import (
	"crypto/tls"
	"net"
	"sync"
	"syscall"
	"time"
)

// Config is what a Listener is told once. Zero values mean defaults; TLS is required.
type Config struct {
	// TLS is how hands are shaken. The listener uses a copy without session tickets, and with a KeyLogWriter of its own.
	TLS *tls.Config
	// Kernel is what Probe found.
	Kernel Kernel

	Handshakes int           // at once; others wait in Accept of the listener below; 64
	Timeout    time.Duration // of one handshake; 10 s

	// Wrap, if set, makes what Accept returns of a connection whose records the kernel makes: raw is the connection as the
	// listener below returned it.
	Wrap func(raw net.Conn, c *Conn) net.Conn
	// Failed, if set, is told of a handshake that failed, in a goroutine that may block until the Timeout. It may still
	// write to raw, which is closed afterwards.
	Failed func(raw net.Conn, err error)
}

// Listener shakes hands with the clients of another listener. Accept returns those with whom that is done.
type Listener struct {
	net.Listener
	cfg    Config
	places chan struct{}
	done   chan accepted
	closed chan struct{}
	once   sync.Once
	tasks  sync.WaitGroup

	mu      sync.Mutex
	shaking map[net.Conn]struct{}
}

// accepted is what Accept returns.
type accepted struct {
	conn net.Conn
	err  error
}

// NewListener takes inner over: Close closes it. Connections of inner must be syscall.Conns, as a *net.TCPConn is, to be
// switched. One that has a method KernelTLS() *Conn is returned by Accept as it is: a listener that keeps connections while
// they have nothing to say returns them again, wrapped as Wrap did.
func NewListener(inner net.Listener, cfg Config) *Listener {
	if cfg.Handshakes == 0 {
		cfg.Handshakes = 64
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	cfg.TLS = cfg.TLS.Clone()
	cfg.TLS.SessionTicketsDisabled = true
	cfg.TLS.KeyLogWriter = nil
	l := &Listener{
		Listener: inner, cfg: cfg,
		places: make(chan struct{}, cfg.Handshakes), done: make(chan accepted), closed: make(chan struct{}),
		shaking: map[net.Conn]struct{}{},
	}
	l.tasks.Go(l.run)
	return l
}

// Accept blocks until hands are shaken with a client. It returns a *tls.Conn, or what Wrap made of a *Conn, or the *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.done:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and the handshakes under way, and waits for these.
func (l *Listener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		close(l.closed)
		err = l.Listener.Close()
		l.mu.Lock()
		for c := range l.shaking {
			_ = c.Close()
		}
		l.mu.Unlock()
		l.tasks.Wait()
	})
	return err
}

// run accepts and starts handshakes until the listener is closed.
func (l *Listener) run() {
	for {
		select {
		case l.places <- struct{}{}:
		case <-l.closed:
			return
		}
		c, err := l.Listener.Accept()
		switch {
		case err != nil:
			<-l.places
			if !l.give(accepted{err: err}) {
				return
			}
		case isShaken(c):
			<-l.places
			if !l.give(accepted{conn: c}) {
				_ = c.Close()
				return
			}
		case !l.begin(c):
			_ = c.Close()
			return
		default:
			l.tasks.Go(func() {
				defer func() { <-l.places }()
				l.shake(c)
			})
		}
	}
}

// isShaken tells whether hands were shaken with c before.
func isShaken(c net.Conn) bool {
	k, ok := c.(interface{ KernelTLS() *Conn })
	return ok && k.KernelTLS() != nil
}

// give waits until Accept takes a and says whether it did.
func (l *Listener) give(a accepted) bool {
	select {
	case l.done <- a:
		return true
	case <-l.closed:
		return false
	}
}

// begin notes a handshake, unless the listener is closed.
func (l *Listener) begin(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
		return false
	default:
	}
	l.shaking[c] = struct{}{}
	return true
}

func (l *Listener) end(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.shaking, c)
}

func (l *Listener) shake(raw net.Conn) {
	_ = raw.SetDeadline(time.Now().Add(l.cfg.Timeout)) // where there is no deadline, the client's kernel gives up some day
	c, err := l.handshake(raw)
	if err != nil && l.cfg.Failed != nil {
		l.cfg.Failed(raw, err)
	}
	l.end(raw)
	if err == nil {
		_ = raw.SetDeadline(time.Time{})
		if l.give(accepted{conn: c}) {
			return
		}
	}
	_ = raw.Close()
}

// handshake shakes hands on raw and makes the kernel take over, if it can.
func (l *Listener) handshake(raw net.Conn) (net.Conn, error) {
	w := &wire{Conn: raw}
	var s secrets
	defer s.wipe()
	cfg := l.cfg.TLS
	if l.cfg.Kernel.Any() {
		cfg = cfg.Clone()
		cfg.KeyLogWriter = &s
	}
	t := tls.Server(w, cfg)
	if err := t.Handshake(); err != nil {
		return nil, err
	}
	c := l.takeOver(w, t.ConnectionState(), &s)
	switch {
	case c == nil:
		return t, nil
	case l.cfg.Wrap != nil:
		return l.cfg.Wrap(raw, c), nil
	}
	return c, nil
}

// takeOver makes the kernel write the records from now on. It returns nil where it cannot, and crypto/tls goes on.
func (l *Listener) takeOver(w *wire, state tls.ConnectionState, s *secrets) *Conn {
	socket, ok := w.Conn.(syscall.Conn)
	suite := l.cfg.Kernel.suite(state.CipherSuite)
	if !ok || suite == nil || state.Version != tls.VersionTLS13 || !w.between() {
		return nil
	}
	in, err := newReader(suite, s.client.value())
	if err != nil || suite.enable(socket, s.server.value()) != nil {
		return nil
	}
	return &Conn{raw: w.Conn, in: in, state: &state}
}
