package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// gate is a way to a server that can be shut: a test can then do something before the box is there again.
type gate struct {
	ln   net.Listener
	to   string
	open atomic.Bool

	mu    sync.Mutex
	conns map[net.Conn]bool // clients'
}

// newGate makes an open one to the address to; it is gone at the end of the test.
func newGate(t *testing.T, to string) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { ln.Close() })
	g := &gate{ln: ln, to: to, conns: map[net.Conn]bool{}}
	g.open.Store(true)
	go g.run()
	return g
}

func (g *gate) address() string { return g.ln.Addr().String() }

// cut ends every connection.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		c.Close()
	}
}

func (g *gate) note(c net.Conn, there bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if there {
		g.conns[c] = true
	} else {
		delete(g.conns, c)
	}
}

func (g *gate) run() {
	for {
		c, err := g.ln.Accept()
		if err != nil {
			return
		}
		if !g.open.Load() {
			c.Close()
			continue
		}
		go g.through(c)
	}
}

// through carries bytes both ways until either side ends.
func (g *gate) through(c net.Conn) {
	g.note(c, true)
	defer g.note(c, false)
	defer c.Close()
	d, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer d.Close()
	go func() {
		defer d.Close()
		_, _ = io.Copy(d, c)
	}()
	_, _ = io.Copy(c, d)
}
