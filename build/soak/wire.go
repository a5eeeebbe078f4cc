package main

import (
	"io"
	"net"
	"sync"
)

// A wire is what a box and its broker are connected by. It can hang: then what the box sends is taken and goes nowhere,
// as when the power goes in the whole house. Safe for concurrent use.
type wire struct {
	to       string
	listener net.Listener

	mu    sync.Mutex
	hangs bool
	conns map[net.Conn]bool
}

// newWire leads to the address to. The caller closes it.
func newWire(to string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{to: to, listener: l, conns: map[net.Conn]bool{}}
	go w.accept()
	return w, nil
}

func (w *wire) url() string { return "tcp://" + w.listener.Addr().String() }

func (w *wire) accept() {
	for {
		from, err := w.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", w.to)
		if err != nil {
			from.Close()
			continue
		}
		w.join(from, to)
	}
}

// join moves bytes both ways until either end closes.
func (w *wire) join(from, to net.Conn) {
	w.mu.Lock()
	w.conns[from], w.conns[to] = true, true
	w.mu.Unlock()
	end := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range []net.Conn{from, to} {
			c.Close()
			delete(w.conns, c)
		}
	}
	go func() { defer end(); _, _ = io.Copy(sink{w, to}, from) }()
	go func() { defer end(); _, _ = io.Copy(from, to) }()
}

// sink is where the box's bytes go.
type sink struct {
	wire *wire
	to   net.Conn
}

func (s sink) Write(p []byte) (int, error) {
	s.wire.mu.Lock()
	hangs := s.wire.hangs
	s.wire.mu.Unlock()
	if hangs {
		return len(p), nil
	}
	return s.to.Write(p)
}

// hang swallows from now on what the box sends.
func (w *wire) hang() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hangs = true
}

// mend ends all connections, and lets new ones through.
func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hangs = false
	for c := range w.conns {
		c.Close()
	}
}

func (w *wire) close() error {
	w.mend()
	return w.listener.Close()
}
