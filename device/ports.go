package device

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// ports are the sockets the box listens on. They outlive a life: while one ends and the next begins, clients wait in the
// kernel's queue instead of being refused. Only one goroutine may use it.
type ports struct {
	held map[string]heldPort // by the key that asks for it
}

type heldPort struct {
	addr string // as it was asked for
	fd   int    // bare, so that Go's poller does not wake for every connection
}

// want closes the sockets whose address a key does not ask for any more, so that the ports are free for others.
func (p *ports) want(addrs map[string]string) {
	for key, held := range p.held {
		if addrs[key] != held.addr {
			_ = unix.Close(held.fd)
			delete(p.held, key)
		}
	}
}

func (p *ports) close() { p.want(nil) }

// listen returns a listener for the life that begins; closing it does not close the socket. Its errors are those of the
// function listen.
func (p *ports) listen(key, addr string, asked bool) (net.Listener, error) {
	if held, ok := p.held[key]; ok {
		return held.lend()
	}
	ln, err := listen(key, addr, asked)
	if err != nil {
		return nil, err
	}
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	held := heldPort{addr: addr}
	var dupErr error
	err = raw.Control(func(fd uintptr) { held.fd, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, dupErr); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the socket of %s: %w", key, err), ln.Close())
	}
	p.held[key] = held
	return ln, nil
}

// lend is a listener on the socket.
func (h heldPort) lend() (net.Listener, error) {
	fd, err := unix.FcntlInt(uintptr(h.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("listen on %s again: %w", h.addr, err)
	}
	f := os.NewFile(uintptr(fd), h.addr)
	defer f.Close()
	return net.FileListener(f)
}
