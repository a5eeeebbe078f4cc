package device

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
)

// ownNames are the names and addresses a certificate of the box's own is for. A temporary address, RFC 8981, is none of
// them: it would make another certificate necessary every day.
func (c *Config) ownNames() []string {
	host, _ := os.Hostname()
	names := []string{"localhost", "127.0.0.1", "::1", host, host + ".local", c.Name}
	if u, err := url.Parse(c.HTTP.PublicURL); err == nil {
		names = append(names, u.Hostname())
	}
	names = append(names, c.HTTP.Hosts...)
	names = append(names, addresses()...)
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return !nameable(name) })
}

// nameable says whether name can stand in a certificate, RFC 5280 §4.2.1.6.
func nameable(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return !strings.Contains(name, "%")
	}
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "" && strings.Trim(name, ".-") == name
}

// addresses are those of the box's interfaces that others can reach for long.
func addresses() (all []string) {
	temporary := temporaryAddresses()
	list, _ := net.InterfaceAddrs()
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && !temporary[n.IP.String()] {
			all = append(all, n.IP.String())
		}
	}
	return all
}

// temporaryAddresses reads proc_net(5)'s if_inet6: address, index, prefix, scope, flags (1 is IFA_F_TEMPORARY), name.
func temporaryAddresses() map[string]bool {
	temporary := map[string]bool{}
	text, _ := os.ReadFile("/proc/net/if_inet6")
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 5 || len(f[0]) != 32 || !strings.HasSuffix(f[4], "1") {
			continue
		}
		var groups []string
		for i := 0; i < 32; i += 4 {
			groups = append(groups, f[0][i:i+4])
		}
		temporary[net.ParseIP(strings.Join(groups, ":")).String()] = true
	}
	return temporary
}
