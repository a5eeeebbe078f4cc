package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// allowed is an entry of push.allow.
type allowed struct {
	scheme, host, port string
	path               string // "" or what the path begins with, without a slash at its end
	local              bool   // it names this machine or its link, so they may be what it resolves to
}

func parseAllowed(entry string) (allowed, error) {
	u, err := url.Parse(entry)
	if err != nil || !isWeb(u) || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return allowed{}, fmt.Errorf("push.allow: %.80q is no http:// or https:// address", entry)
	}
	a := allowed{scheme: u.Scheme, host: hostOf(u), port: portOf(u), path: strings.TrimRight(u.EscapedPath(), "/")}
	ip, err := netip.ParseAddr(a.host)
	a.local = err == nil && isLocal(ip) || a.host == "localhost"
	return a, nil
}

func isWeb(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Opaque == ""
}

func hostOf(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func (a *allowed) covers(u *url.URL) bool {
	if u.Scheme != a.scheme || hostOf(u) != a.host || portOf(u) != a.port {
		return false
	}
	path := u.EscapedPath()
	return a.path == "" || (path == a.path || strings.HasPrefix(path, a.path+"/")) && !hasDots(u.Path)
}

// hasDots reports whether path has a segment that leads elsewhere.
func hasDots(path string) bool {
	for s := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
		if s == "." || s == ".." {
			return true
		}
	}
	return false
}

// allowed checks a free URL; local tells that it may lead to this machine. Its errors do not repeat the URL, which is a
// secret. ErrBadURL, ErrNotAllowed.
func (p *Pusher) allowed(raw string) (u *url.URL, local bool, err error) {
	u, err = url.Parse(raw)
	if err != nil || !isWeb(u) || u.User != nil || u.Fragment != "" {
		return nil, false, fmt.Errorf("%w: it must be http:// or https:// with a host, without user name and fragment", ErrBadURL)
	}
	for i := range p.allow {
		if p.allow[i].covers(u) {
			return u, p.allow[i].local, nil
		}
	}
	return nil, false, fmt.Errorf("%w: %s", ErrNotAllowed, origin(u))
}

// origin is what of a URL is no secret.
func origin(u *url.URL) string { return u.Scheme + "://" + strings.ToLower(u.Host) }

// freeTarget names a free URL: by its origin, and by a hash of its path, so that one signed anew is the same target.
func freeTarget(u *url.URL) string {
	sum := sha256.Sum256([]byte(u.EscapedPath()))
	return origin(u) + "#" + hex.EncodeToString(sum[:4])
}

// isLocal reports whether ip is this machine, its link, or nobody in particular.
func isLocal(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip.IsInterfaceLocalMulticast()
}

// refuseLocal is a net.Dialer's ControlContext: it sees the address that is really connected to, whatever a name resolved
// to before.
func refuseLocal(_ context.Context, _, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || isLocal(ip) {
		return &failure{kind: final, text: "it resolves to this box or its own link (" + host + "), and push.allow does not list that address"}
	}
	return nil
}
