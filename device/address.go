package device

import (
	"net"
	"net/netip"
	"strings"
)

// baseURL is what stands before a path in messages: public_url, else the address a client of this box can reach.
// local is the box's own address on a connection that exists (to the broker), nil if there is none.
func baseURL(public string, listen net.Addr, local net.Addr) string {
	if public != "" {
		return strings.TrimSuffix(public, "/")
	}
	l, _ := listen.(*net.TCPAddr)
	if l == nil {
		return ""
	}
	host := l.AddrPort().Addr()
	if host.IsUnspecified() {
		host = reachable(local)
	}
	return "http://" + netip.AddrPortFrom(host.Unmap().WithZone(""), uint16(l.Port)).String()
}

// reachable is the address others know us by: that of the connection, unless it stays on this board; else the first
// global one of our interfaces; else loopback.
func reachable(local net.Addr) netip.Addr {
	if t, ok := local.(*net.TCPAddr); ok && !t.IP.IsLoopback() {
		return t.AddrPort().Addr()
	}
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			ip, _ := netip.AddrFromSlice(n.IP.To4())
			return ip
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}
