package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"clipd/device/wish"
)

// profiles is where NetworkManager keeps its connections; it reads only files of root's with mode 0600.
const profiles = "/etc/NetworkManager/system-connections"

const profile = "clipd-wifi"

// setWifi writes the profile that NetworkManager connects with by itself. An empty password is an open network.
func (b *boot) setWifi(ssid, password string) error {
	if err := errors.Join(wish.CheckSSID(ssid), wish.CheckPassphrase(password)); err != nil {
		return err
	}
	return b.placeProfile(profileText(ssid, securityText(password), wish.BootPartition))
}

func (b *boot) profilePath() string { return filepath.Join(b.at(profiles), profile+".nmconnection") }

// placeProfile puts the text of a profile into place, where it is another.
func (b *boot) placeProfile(text string) error {
	if old, _ := read(b.profilePath()); old == text {
		return nil
	}
	return place(b.profilePath(), text, 0o600)
}

// writtenFrom begins the first line of a profile, which says whose wish it was.
const writtenFrom = "# clipd: from the "

func profileText(ssid, security, from string) string {
	return fmt.Sprintf(writtenFrom+"%s\n[connection]\nid=%s\nuuid=%s\ntype=wifi\nautoconnect-retries=0\n\n[wifi]\nmode=infrastructure\nssid=%s\n"+
		"powersave=2\n\n%s[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n", from, profile, uuidOf(ssid), byteList(ssid), security)
}

const securityTable = "[wifi-security]\n"

func securityText(password string) string {
	if password == "" {
		return ""
	}
	return securityTable + "key-mgmt=wpa-psk\npsk=" + escape(password) + "\n\n"
}

// securityOf is that table of a profile, "" if it has none.
func securityOf(text string) string {
	_, inside, has := strings.Cut(text, securityTable)
	if !has {
		return ""
	}
	inside, _, _ = strings.Cut(inside, "\n[")
	return securityTable + strings.TrimRight(inside, "\n") + "\n\n"
}

// network is what the profile and the country are set to.
func (b *boot) network() (n wish.Network) {
	_, regdom, _ := strings.Cut(line(b.at(regdomFile)), regdomKey)
	n.Country = regdom
	text, _ := read(b.profilePath())
	if text == "" {
		return n
	}
	n.From = wish.NetworkManager // which rewrites profiles that nmcli changes
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\n")
		if from, ours := strings.CutPrefix(l, writtenFrom); ours {
			n.From = from
		}
		if ssid, is := strings.CutPrefix(l, "ssid="); is {
			n.SSID = nameIn(ssid)
		}
	}
	return n
}

// nameIn is the inverse of byteList; what is no list is the name as it stands.
func nameIn(value string) string {
	var name []byte
	for number := range strings.SplitSeq(strings.TrimSuffix(value, ";"), ";") {
		n, err := strconv.ParseUint(number, 10, 8)
		if err != nil || !strings.HasSuffix(value, ";") {
			return value
		}
		name = append(name, byte(n))
	}
	return string(name)
}

// escape writes a value as GKeyFile reads it (g_key_file_get_string).
func escape(value string) string {
	value = strings.ReplaceAll(value, `\`, `\\`)
	if rest := strings.TrimLeft(value, " "); rest != value {
		value = strings.Repeat(`\s`, len(value)-len(rest)) + rest
	}
	return value
}

// byteList is the form of a name that needs no escapes (nm-settings-keyfile(5)).
func byteList(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%d;", s[i])
	}
	return b.String()
}

// uuidOf is the same for the same network, so that a profile written again is no second one (RFC 9562 §5.8).
func uuidOf(ssid string) string {
	h := sha256.Sum256([]byte(profile + ssid))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// regdomFile gives the kernel's Wi-Fi the country as a parameter of its module.
const (
	regdomFile = "/etc/modprobe.d/clipd-wifi.conf"
	regdomKey  = "options cfg80211 ieee80211_regdom="
)

// setWifiCountry says which channels are allowed. The kernel takes it as a parameter of its module, and now from iw.
func (b *boot) setWifiCountry(code string) error {
	if err := wish.CheckCountry(code); err != nil {
		return err
	}
	if err := place(b.at(regdomFile), regdomKey+code+"\n", 0o644); err != nil {
		return err
	}
	// On a board without Wi-Fi neither works, and neither is needed.
	_, _ = b.call("iw", "reg", "set", code)
	_, _ = b.call("rfkill", "unblock", "wifi")
	return b.remember("wifi_country", code)
}
