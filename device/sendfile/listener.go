package sendfile

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// Listener gives net/http the connections of one listening socket that have something to say.
type Listener struct {
	eng    *Engine
	fd     int
	addr   net.Addr
	ready  func([]byte) bool // whether these bytes are enough to lend the connection
	lendTo chan *sock        // as large as there are slots: sending never blocks
	closed chan struct{}
	once   sync.Once
	event  int32 // what epoll calls it
	paused bool  // newcomers stay in the kernel's queue; Engine.mu
	tls    bool  // bytes in it are records: net/http's buffer says nothing of them
}

// Listener takes ln over, closing it and keeping the socket, and accepts its connections from then on. A connection
// comes out of Accept when the header of a request has arrived. ln must be a *net.TCPListener,
// and not one of Multipath TCP, net.ListenConfig.SetMultipathTCP.
func (e *Engine) Listener(ln net.Listener) (*Listener, error) {
	return e.listen(ln, requestReady, false)
}

// TLSListener is Listener for a socket that speaks TLS: a connection comes out of Accept when a whole record has arrived,
// which is a ClientHello first.
func (e *Engine) TLSListener(ln net.Listener) (*Listener, error) {
	return e.listen(ln, recordReady, true)
}

func (e *Engine) listen(ln net.Listener, ready func([]byte) bool, tls bool) (*Listener, error) {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("listen on %v: a %T is no TCP listener", ln.Addr(), ln)
	}
	fd, err := takeListener(tcp, e.cfg.Unsent)
	if err != nil {
		return nil, fmt.Errorf("listen on %v: %w", ln.Addr(), err)
	}
	own := &Listener{eng: e, fd: fd, addr: ln.Addr(), ready: ready, tls: tls,
		lendTo: make(chan *sock, e.cfg.Slots), closed: make(chan struct{})}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining {
		_ = unix.Close(fd)
		return nil, net.ErrClosed
	}
	own.event = listenerEvent(len(e.listeners))
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: own.event}
	e.listeners = append(e.listeners, own)
	if err := unix.EpollCtl(e.loops[0].ep, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		_ = unix.Close(fd)
		e.listeners = e.listeners[:len(e.listeners)-1]
		return nil, fmt.Errorf("listen on %v: epoll_ctl: %w", ln.Addr(), err)
	}
	return own, nil
}

// takeListener duplicates the socket and closes the original, so that Go's poller does not wake for its events too. The
// options set here are inherited by every connection, tcp(7).
func takeListener(tcp *net.TCPListener, unsent int) (int, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var dupErr error
	err = raw.Control(func(p uintptr) { fd, dupErr = unix.FcntlInt(p, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, dupErr); err != nil {
		return -1, fmt.Errorf("duplicate descriptor: %w", err)
	}
	for _, o := range [][3]int{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 30},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
	} {
		err = errors.Join(err, unix.SetsockoptInt(fd, o[0], o[1], o[2]))
	}
	if err = errors.Join(err, tcp.Close()); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Accept blocks until a connection has something to say and a slot is free. It is for http.Server.Serve.
func (ln *Listener) Accept() (net.Conn, error) {
	for {
		select {
		case s := <-ln.lendTo:
			c, err := newConn(s)
			if err != nil {
				ln.eng.stats.failures.Add(1)
				ln.eng.giveUp(s)
				continue
			}
			if s.resume != nil {
				return s.resume(c), nil
			}
			return c, nil
		case <-ln.closed:
			return nil, net.ErrClosed
		}
	}
}

// Close stops accepting and makes Accept return net.ErrClosed. Connections that are parked are closed when they would be
// lent; transfers go on.
func (ln *Listener) Close() error {
	ln.once.Do(func() {
		ln.eng.mu.Lock()
		defer ln.eng.mu.Unlock()
		close(ln.closed)
		// Whoever lent the socket may still hold it: closing alone would leave it in the epoll set, epoll(7).
		_ = unix.EpollCtl(ln.eng.loops[0].ep, unix.EPOLL_CTL_DEL, ln.fd, nil)
		_ = unix.Close(ln.fd)
		ln.fd = -1
		for len(ln.lendTo) > 0 {
			ln.eng.giveUpLocked(<-ln.lendTo)
		}
	})
	return nil
}

// Addr is the address it listens on.
func (ln *Listener) Addr() net.Addr { return ln.addr }

func (ln *Listener) isClosed() bool {
	select {
	case <-ln.closed:
		return true
	default:
		return false
	}
}

// accept takes what the socket has. It runs in the first loop.
func (ln *Listener) accept() {
	for range 64 { // then the transfers are looked at again
		if ln.pauseIfFull() {
			return
		}
		fd, sa, err := ln.take()
		switch err {
		case nil:
			ln.eng.admit(ln, fd, peerOf(sa))
		case unix.EINTR, unix.ECONNABORTED:
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			ln.eng.stats.failures.Add(1)
			if !ln.eng.dropIdlest() {
				ln.pause()
				return
			}
		default: // EAGAIN, or closed meanwhile
			return
		}
	}
}

func (ln *Listener) take() (int, unix.Sockaddr, error) {
	ln.eng.mu.Lock() // Close may not close the descriptor meanwhile
	defer ln.eng.mu.Unlock()
	return unix.Accept4(ln.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
}

// admit parks a new connection, at the cost of the one idle longest when there are too many.
func (e *Engine) admit(ln *Listener, fd int, peer netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats.accepted.Add(1)
	full := e.table.n >= e.cfg.MaxConns && !e.dropIdlestLocked()
	if full || e.draining {
		e.stats.refused.Add(1)
		_ = unix.Close(fd)
		return
	}
	s := &sock{ln: ln, fd: fd, peer: peer, state: away}
	e.table.add(s)
	s.loop = e.loops[int(s.slot)%len(e.loops)]
	e.setLocked(s, parked)
}

// pauseIfFull says whether there is neither a place for another connection nor one that gives way. Newcomers then stay in
// the kernel's queue until there is.
func (ln *Listener) pauseIfFull() bool {
	e := ln.eng
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.table.n < e.cfg.MaxConns || e.idlestLocked() != nil {
		return false
	}
	ln.setPausedLocked(true)
	return true
}

// pause is for when the system has no more descriptors.
func (ln *Listener) pause() {
	ln.eng.mu.Lock()
	defer ln.eng.mu.Unlock()
	ln.setPausedLocked(true)
}

func (ln *Listener) setPausedLocked(yes bool) {
	if ln.fd < 0 || ln.paused == yes {
		return
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: ln.event}
	if yes {
		ev.Events = 0
	}
	if err := unix.EpollCtl(ln.eng.loops[0].ep, unix.EPOLL_CTL_MOD, ln.fd, &ev); err != nil {
		ln.eng.stats.failures.Add(1)
		return
	}
	ln.paused = yes
}

// resumeLocked looks for newcomers again: a connection was closed, or time has passed.
func (e *Engine) resumeLocked() {
	for _, ln := range e.listeners {
		ln.setPausedLocked(false)
	}
}

func (e *Engine) dropIdlest() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dropIdlestLocked()
}

// dropIdlestLocked closes the connection parked longest and says whether there was one. The first loop calls it; a sock of
// another loop is closed by that one, a little later.
func (e *Engine) dropIdlestLocked() bool {
	oldest := e.idlestLocked()
	if oldest == nil {
		return false
	}
	e.stats.evicted.Add(1)
	if oldest.loop == e.loops[0] {
		e.closeLocked(oldest)
	} else {
		e.interruptLocked(oldest, Shutdown)
	}
	return true
}

func (e *Engine) idlestLocked() (oldest *sock) {
	for _, s := range e.table.socks {
		if s != nil && s.state == parked && s.why == Done && (oldest == nil || s.since < oldest.since) {
			oldest = s
		}
	}
	return oldest
}

func peerOf(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap().WithZone(zone(a.ZoneId)), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// zone names the interface a link-local address belongs to, RFC 4007 §11.
func zone(id uint32) string {
	if id == 0 {
		return ""
	}
	ifi, err := net.InterfaceByIndex(int(id))
	if err != nil {
		return ""
	}
	return ifi.Name
}
