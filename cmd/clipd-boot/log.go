package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"clipd/device/qr"
)

const (
	logFile     = "clipd.log"
	defaultPort = "8470"
)

// report is what clipd.log says, with the line ends that every editor shows.
type report struct {
	host, state, problems string
	addresses             []string // base URLs
	link, password        string   // "" once used
	clock                 string
}

// log writes clipd.log on the boot partition if it would say something new, and a new sign-in link on the console.
func (b *boot) log() error {
	r, err := b.look()
	if err != nil {
		return err
	}
	path := filepath.Join(b.at(firmwareDir), logFile)
	old, err := read(path)
	if err != nil {
		return err
	}
	text := r.text()
	if _, same, _ := strings.Cut(old, "\r\n"); same == text {
		return nil
	}
	text = fmt.Sprintf("clipd %s, written %s%s\r\n%s", version, b.now().Format(time.RFC3339), r.clock, text)
	if err := writable(b.at(firmwareDir), func() error { return place(path, text, 0o644) }); err != nil {
		return err
	}
	if r.link == "" || strings.Contains(old, r.link) {
		return nil
	}
	return b.show(r)
}

// show is for who has a screen on the board.
func (b *boot) show(r report) error {
	fmt.Fprintf(b.out, "\nclipd: open this link once to sign in:\n%s\n", r.link)
	return qr.Print(b.out, r.link)
}

func (b *boot) look() (r report, err error) {
	r.addresses = b.addresses()
	r.state, r.problems = b.boxState()
	r.host, _ = b.call("hostname")
	if _, err := os.Stat(b.at("/run/systemd/timesync/synchronized")); err != nil {
		r.clock = " (the clock was not set yet)"
	}
	code, err := b.signIn()
	if err != nil || code == "" {
		return r, err
	}
	r.password = b.brokerPassword()
	base := "http://" + strings.TrimSpace(r.host) + ".local:" + b.port()
	if len(r.addresses) > 0 {
		base = r.addresses[0]
	}
	r.link = base + "/login?token=" + code
	return r, nil
}

func (r report) text() string {
	var t strings.Builder
	say := func(what, value string) {
		if value = strings.TrimSpace(value); value != "" {
			fmt.Fprintf(&t, "%-10s%s\r\n", what+":", strings.ReplaceAll(value, "\n", "\r\n          "))
		}
	}
	say("box", r.host)
	say("state", r.state)
	say("address", strings.Join(r.addresses, "\n"))
	say("problems", r.problems)
	say("sign in", r.link)
	if r.link != "" {
		say("", "(this link works once; a token of your own: token = \"…\" under [first_boot] in clipd.toml)")
		if r.password != "" {
			say("broker", "user clipd, password "+r.password)
		}
	}
	return t.String()
}

// boxState asks systemd, which clipd tells how it is.
func (b *boot) boxState() (state, problems string) {
	state, _ = b.call("systemctl", "is-active", "clipd.service")
	status, _ := b.call("systemctl", "show", "--value", "-p", "StatusText", "clipd.service")
	state = strings.TrimSpace(state) + ": " + strings.TrimSpace(status)
	if len(b.reachable()) == 0 {
		devices, _ := b.call("nmcli", "-t", "-f", "DEVICE,TYPE,STATE,CONNECTION", "device")
		problems = "no network address\n" + devices
	}
	text, _ := read(filepath.Join(b.at(stateDir), problemFile))
	return state, problems + text
}

// addresses waits until the board has one that others reach, at most for patience.
func (b *boot) addresses() []string {
	for end := time.Now().Add(b.patience); ; time.Sleep(time.Second) {
		if found := b.reachable(); len(found) > 0 || time.Now().After(end) {
			return found
		}
	}
}

// reachable are the addresses of now.
func (b *boot) reachable() (urls []string) {
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok || !n.IP.IsGlobalUnicast() {
			continue
		}
		if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap().Is4() {
			urls = append(urls, "http://"+net.JoinHostPort(ip.Unmap().String(), b.port()))
		}
	}
	return urls
}

// port is the one that clipd really took.
func (b *boot) port() string {
	u, err := url.Parse(line(filepath.Join(b.at(stateDir), "url")))
	if err != nil || u.Port() == "" {
		return defaultPort
	}
	return u.Port()
}
