package httpd

import (
	"net"
	"net/http"
	"sync"
)

// gate is a listener that lets a bounded number of connections in. Connections are handed on unwrapped, since only a
// *net.TCPConn has sendfile(2); they are counted by the server's ConnState hook instead. When there is no place left,
// the connection that has been waiting longest without a request gives way; if all are busy, newcomers stay in the
// kernel's queue. Safe for concurrent use.
type gate struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
	err    error // of closing the listener

	mu      sync.Mutex
	waiting map[net.Conn]uint64 // without a request: when they began to wait, by count
	count   uint64
}

func newGate(ln net.Listener, conns int) *gate {
	return &gate{
		Listener: ln,
		places:   make(chan struct{}, conns),
		closed:   make(chan struct{}),
		waiting:  map[net.Conn]uint64{},
	}
}

// Accept blocks until there is a connection and a place for it, or Close.
func (g *gate) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case g.places <- struct{}{}:
		return c, nil
	default:
	}
	g.closeLongestWaiting()
	select {
	case g.places <- struct{}{}:
		return c, nil
	case <-g.closed:
		c.Close()
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (g *gate) Close() error {
	g.once.Do(func() {
		close(g.closed)
		g.err = g.Listener.Close()
	})
	return g.err
}

// state is the server's ConnState hook.
func (g *gate) state(c net.Conn, state http.ConnState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch state {
	case http.StateNew, http.StateIdle:
		g.count++
		g.waiting[c] = g.count
		if g.isClosed() {
			go c.Close() // a TLS connection says goodbye, which may take a while
		}
	case http.StateActive:
		delete(g.waiting, c)
	case http.StateClosed, http.StateHijacked:
		delete(g.waiting, c)
		<-g.places
	}
}

func (g *gate) isClosed() bool {
	select {
	case <-g.closed:
		return true
	default:
		return false
	}
}

// closeLongestWaiting makes one place free, if any connection can give way.
func (g *gate) closeLongestWaiting() {
	g.mu.Lock()
	defer g.mu.Unlock()
	var longest net.Conn
	for c, since := range g.waiting {
		if longest == nil || since < g.waiting[longest] {
			longest = c
		}
	}
	if longest != nil {
		delete(g.waiting, longest)
		go longest.Close()
	}
}

// closeWaiting closes the connections that have no request under way.
func (g *gate) closeWaiting() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.waiting {
		go c.Close()
	}
	clear(g.waiting)
}
