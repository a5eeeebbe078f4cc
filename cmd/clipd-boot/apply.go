package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"clipd/store"
)

// firstBoot is the table [first_boot]: what a board must know before anybody can reach it. "" leaves a thing as it is.
type firstBoot struct {
	WifiSSID     string `toml:"wifi_ssid"`
	WifiPassword string `toml:"wifi_password"`
	WifiCountry  string `toml:"wifi_country"`
	Hostname     string `toml:"hostname"`
	Token        string `toml:"token"`
	MQTTPassword string `toml:"mqtt_password"`
	SSHKey       string `toml:"ssh_key"`
	TimeZone     string `toml:"time_zone"`
}

// chosenToken is the name of the token that people choose on the boot partition.
const chosenToken = "first-boot"

// apply sets everything that can be set; what is wrong with one does not keep the others from being set. All of it may be
// done twice.
func (b *boot) apply(f firstBoot) error {
	var errs []error
	for _, s := range []struct {
		key, value string
		set        func(string) error
	}{
		{"time_zone", f.TimeZone, b.setTimeZone},
		{"hostname", f.Hostname, b.setHostname},
		{"wifi_country", f.WifiCountry, b.setWifiCountry},
		{"wifi_ssid", f.WifiSSID, func(ssid string) error { return b.setWifi(ssid, f.WifiPassword) }},
		{"token", f.Token, b.setToken},
		{"mqtt_password", f.MQTTPassword, b.setMQTTPassword},
		{"ssh_key", f.SSHKey, b.setSSHKey},
	} {
		if s.value == "" {
			continue
		}
		if err := s.set(s.value); err != nil {
			errs = append(errs, fmt.Errorf("%s.%s: %w", table, s.key, err))
		}
	}
	return errors.Join(errs...)
}

// setAgain sets what -again keeps.
func (b *boot) setAgain() error {
	if b.again == "" {
		return nil
	}
	f := firstBoot{TimeZone: line(b.kept("time_zone")), Hostname: line(b.kept("hostname")), WifiCountry: line(b.kept("wifi_country"))}
	return b.apply(f)
}

func (b *boot) kept(key string) string { return filepath.Join(b.at(b.again), key) }

// remember notes a setting that /etc forgets.
func (b *boot) remember(key, value string) error {
	if b.again == "" || line(b.kept(key)) == value {
		return nil
	}
	return place(b.kept(key), value+"\n", 0o644)
}

// hostName is RFC 1123 §2.1, one label: the rest of a name is the network's business.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

func (b *boot) setHostname(name string) error {
	if err := b.setHost(name); err != nil {
		return err
	}
	return b.remember("hostname", name)
}

// setHost is for this boot and, where /etc remembers, for all.
func (b *boot) setHost(name string) error {
	if !hostName.MatchString(name) {
		return fmt.Errorf("%q is no host name: letters, digits and - only, 63 at most", name)
	}
	hosts, err := read(b.at("/etc/hosts"))
	if err != nil {
		return err
	}
	if err := place(b.at("/etc/hosts"), withHost(hosts, name), 0o644); err != nil {
		return err
	}
	if err := place(b.at("/etc/hostname"), name+"\n", 0o644); err != nil {
		return err
	}
	_, err = b.call("hostname", name)
	return err
}

// withHost gives the board's own address, as Debian has it, to name.
func withHost(hosts, name string) string {
	var kept []string
	for l := range strings.Lines(hosts) {
		if !strings.HasPrefix(l, "127.0.1.1") {
			kept = append(kept, l)
		}
	}
	return strings.TrimRight(strings.Join(kept, ""), "\n") + "\n127.0.1.1\t" + name + "\n"
}

func (b *boot) setTimeZone(zone string) error {
	target := filepath.Join("/usr/share/zoneinfo", zone)
	fi, err := os.Stat(b.at(target))
	if err != nil || !fi.Mode().IsRegular() || strings.Contains(zone, "..") {
		return fmt.Errorf("%q is no time zone this system knows; write it like \"Europe/Berlin\"", zone)
	}
	link := b.at("/etc/localtime")
	if err := os.Remove(link + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := errors.Join(os.Symlink(target, link+".new"), os.Rename(link+".new", link), syncFolder(filepath.Dir(link))); err != nil {
		return err
	}
	return errors.Join(place(b.at("/etc/timezone"), zone+"\n", 0o644), b.remember("time_zone", zone))
}

// setToken keeps the chosen token; clipd hashes it, so that it stands nowhere as it was written.
func (b *boot) setToken(secret string) error {
	return b.asBox(func() error {
		tokens, err := store.OpenTokens(b.at(stateDir), b.now)
		if err != nil {
			return err
		}
		return tokens.Choose(chosenToken, store.Admin, secret)
	})
}

// setMQTTPassword sets both that clipd may need: of its own broker, and of the one that mqtt.broker names
// (password_file = "mqtt-password").
func (b *boot) setMQTTPassword(password string) error {
	if strings.ContainsAny(password, "\n\r") {
		return errors.New("a password is one line")
	}
	if err := place(filepath.Join(b.at(credentials), "mqtt-password"), password+"\n", 0o600); err != nil {
		return err
	}
	return b.asBox(func() error {
		return store.WriteFile(b.at(stateDir), "mqtt-password", []byte(password+"\n"), 0o600)
	})
}

var sshKey = regexp.MustCompile(`^(ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/=]{16,}( [^\n\r]*)?$`)

// setSSHKey lets its owner in as root, and nobody else: there are no passwords on a box.
func (b *boot) setSSHKey(key string) error {
	key = strings.TrimSpace(key)
	if !sshKey.MatchString(key) {
		return errors.New("this is no public key; it is the one line of a file like id_ed25519.pub")
	}
	path := b.at("/root/.ssh/authorized_keys")
	have, err := read(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if !strings.Contains(have, key+"\n") {
		if err := place(path, have+key+"\n", 0o600); err != nil {
			return err
		}
	}
	if b.again != "" {
		return nil // an image starts ssh by itself where there is a key, and after this
	}
	_, err = b.call("systemctl", "--no-block", "enable", "--now", "ssh.service")
	return err
}

// chownLike gives path to the owner of fi.
func chownLike(path string, fi os.FileInfo) error {
	owner := fi.Sys().(*syscall.Stat_t)
	return unix.Chown(path, int(owner.Uid), int(owner.Gid))
}
