package ktls

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of linux/tls.h and RFC 8446 §6.
const (
	solTLS           = 282
	tlsTX            = 1
	tlsRecordType    = 1 // TLS_SET_RECORD_TYPE
	recordAlert      = 21
	alertWarning     = 1
	alertCloseNotify = 0
)

// Probe asks the kernel which suites it makes records for, with connections of this process to itself. The error says why
// there are none.
func Probe() (Kernel, error) {
	var k Kernel
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return k, fmt.Errorf("try the kernel's TLS: %w", err)
	}
	defer ln.Close()
	for i := range suites {
		e := suites[i].try(ln.Addr().String())
		if k.can[i] = e == nil; e != nil {
			err = fmt.Errorf("try the kernel's TLS: %w", e)
		}
	}
	if k.Any() {
		return k, nil
	}
	return k, err
}

// try makes one connection to addr and switches it.
func (s *suite) try(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return s.enable(c.(*net.TCPConn), make([]byte, s.hash().Size()))
}

// enable makes the kernel encrypt what is written to c, from record 0 on.
func (s *suite) enable(c syscall.Conn, secret []byte) error {
	info, err := s.cryptoInfo(secret)
	if err != nil {
		return err
	}
	defer clear(info)
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if failed = os.NewSyscallError("setsockopt TCP_ULP", unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_ULP, "tls")); failed == nil {
			// No copy is made of the bytes, which are wiped afterwards.
			failed = os.NewSyscallError("setsockopt TLS_TX", unix.SetsockoptString(int(fd), solTLS, tlsTX, unsafe.String(&info[0], len(info))))
		}
	})
	return errors.Join(err, failed)
}

// CloseNotify sends the alert that ends the server's side, RFC 8446 §6.1, on a socket that was switched, behind everything
// written to it. It does not block: a socket that takes nothing more gets none, EAGAIN.
func CloseNotify(fd int) error {
	control := make([]byte, unix.CmsgSpace(1))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	h.Level, h.Type = solTLS, tlsRecordType
	h.SetLen(unix.CmsgLen(1))
	control[unix.CmsgLen(0)] = recordAlert
	alert := []byte{alertWarning, alertCloseNotify}
	_, err := unix.SendmsgN(fd, alert, control, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	return os.NewSyscallError("sendmsg", err)
}
