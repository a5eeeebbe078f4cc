package mdns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// group is where multicast DNS is spoken (RFC 6762 §3).
var group = netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 0, 0, 251}), 5353)

// maxPacket is the largest there is (RFC 6762 §17).
const maxPacket = 9000

// link is an interface on which the box is told, and its addresses there.
type link struct {
	name  string
	index int
	addrs []netip.Addr
}

// packet is one that came in.
type packet struct {
	data    []byte
	from    netip.AddrPort
	index   int  // of the interface
	toGroup bool // sent to everybody, so that it comes from this link (RFC 6762 §11)
}

// socket is the port that all responders of a board share.
type socket struct {
	conn   *net.UDPConn
	routes *os.File // the kernel tells of addresses here
	joined map[int]bool
}

func listen() (*socket, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		return errors.Join(c.Control(func(fd uintptr) { err = share(int(fd)) }), err)
	}}
	conn, err := lc.ListenPacket(context.Background(), "udp4", fmt.Sprintf(":%d", group.Port()))
	if err != nil {
		return nil, err
	}
	routes, err := openRoutes()
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &socket{conn.(*net.UDPConn), routes, map[int]bool{}}, nil
}

// share lets others have the port too, asks for the interface of each packet, and sends with the TTL that RFC 6762 §11
// wants. Own packets come back, for another responder or browser on this board.
func share(fd int) error {
	var errs []error
	set := func(level, option, value int) {
		if err := unix.SetsockoptInt(fd, level, option, value); err != nil {
			errs = append(errs, os.NewSyscallError("setsockopt", err))
		}
	}
	set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	set(unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	set(unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 255)
	set(unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 1)
	return errors.Join(errs...)
}

// openRoutes opens what rtnetlink(7) tells of links and addresses.
func openRoutes() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	const groups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	return os.NewFile(uintptr(fd), "rtnetlink"), nil
}

func (s *socket) close() {
	s.conn.Close()
	s.routes.Close()
}

// watch says on changes that links or addresses have changed, until the socket is closed.
func (s *socket) watch(changes chan<- struct{}) {
	buf := make([]byte, 4096)
	for {
		// ENOBUFS means that some were lost, which is a change like any other.
		if _, err := s.routes.Read(buf); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return
		}
		select {
		case changes <- struct{}{}:
		default:
		}
	}
}

// read gives every packet to packets, until ctx is done or the socket is closed.
func (s *socket) read(ctx context.Context, packets chan<- packet) {
	buf, oob := make([]byte, maxPacket), make([]byte, 256)
	for {
		n, on, _, from, err := s.conn.ReadMsgUDPAddrPort(buf, oob)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		index, to := destination(oob[:on])
		p := packet{append([]byte(nil), buf[:n]...), netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), index, to == group.Addr()}
		select {
		case packets <- p:
		case <-ctx.Done():
			return
		}
	}
}

// destination reads struct in_pktinfo (ip(7)): interface, local address, address in the header.
func destination(oob []byte) (index int, to netip.Addr) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, to
	}
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= 12 {
			return int(binary.NativeEndian.Uint32(m.Data)), netip.AddrFrom4([4]byte(m.Data[8:12]))
		}
	}
	return 0, to
}

// join joins the group on every link there is now and returns those where it could.
func (s *socket) join() (links []link) {
	all, _ := net.Interfaces()
	there := map[int]bool{}
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 || i.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		l := link{i.Name, i.Index, addresses(i)}
		if len(l.addrs) > 0 && (s.joined[i.Index] || s.member(i.Index) == nil) {
			there[i.Index] = true
			links = append(links, l)
		}
	}
	s.joined = there
	return links
}

func (s *socket) member(index int) error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	var joined error
	err = raw.Control(func(fd uintptr) {
		joined = unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
			&unix.IPMreqn{Multiaddr: group.Addr().As4(), Ifindex: int32(index)})
	})
	if errors.Is(joined, unix.EADDRINUSE) { // it went and came back
		joined = nil
	}
	return errors.Join(err, joined)
}

func addresses(i net.Interface) (addrs []netip.Addr) {
	all, _ := i.Addrs()
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				addrs = append(addrs, ip.Unmap())
			}
		}
	}
	return addrs
}

// send sends data out of link l.
func (s *socket) send(data []byte, l link, to netip.AddrPort) error {
	_, _, err := s.conn.WriteMsgUDPAddrPort(data, unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: int32(l.index)}), to)
	return err
}
