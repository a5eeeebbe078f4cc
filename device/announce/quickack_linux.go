package announce

import (
	"crypto/tls"
	"net"

	"golang.org/x/sys/unix"
)

// quickAck has the kernel acknowledge at once what comes next (tcp(7), TCP_QUICKACK). A broker that leaves Nagle's
// algorithm on, as mosquitto does, holds a request back until its PUBACK before that is acknowledged: 40 ms with the
// kernel's usual delay. The kernel falls back to that by itself, so this is said before each packet.
func quickAck(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	t, ok := c.(*net.TCPConn)
	if !ok {
		return // a web socket: it is only slower
	}
	if raw, err := t.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
	}
}
