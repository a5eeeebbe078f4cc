package httpd

import (
	"bufio"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// hosts are the names people may use for the box in a browser. A page of another site whose name was made to point
// here (DNS rebinding) uses none of them.
type hosts struct {
	given map[string]bool
	name  string // what people call the box
}

func newHosts(cfg Config) hosts {
	h := hosts{given: map[string]bool{}, name: strings.ToLower(cfg.Box.Name)}
	for _, name := range cfg.Hosts {
		h.given[hostOnly(name)] = true
	}
	if u, err := url.Parse(cfg.PublicURL); err == nil && u.Host != "" {
		h.given[hostOnly(u.Host)] = true
	}
	return h
}

// known says whether host, the Host header of a request, is this box.
func (h hosts) known(host string) bool {
	name := hostOnly(host)
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name == "localhost" || strings.HasSuffix(name, ".local") && name != ".local" || h.given[name] || h.own(name)
}

// own says whether name is what the box is called or the system calls itself, alone or in a domain of resolv.conf(5).
func (h hosts) own(name string) bool {
	if name == "" {
		return false
	}
	system, _ := os.Hostname()
	system = strings.ToLower(system)
	if name == h.name || name == system {
		return true
	}
	first, _, _ := strings.Cut(system, ".")
	label, domain, dotted := strings.Cut(name, ".")
	return dotted && (label == first || label == h.name) && searched(domain)
}

// searched says whether domain is one the system completes names with.
func searched(domain string) bool {
	f, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "search" && words[0] != "domain" {
			continue
		}
		for _, d := range words[1:] {
			if strings.EqualFold(strings.TrimSuffix(d, "."), domain) {
				return true
			}
		}
	}
	return false
}

// hostOnly is host in lower case without port, brackets, zone and closing dot.
func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
