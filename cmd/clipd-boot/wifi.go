package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// profiles is where NetworkManager keeps its connections; it reads only files of root's with mode 0600.
const profiles = "/etc/NetworkManager/system-connections"

const profile = "clipd-wifi"

// setWifi writes the profile that NetworkManager connects with by itself. An empty password is an open network.
func (b *boot) setWifi(ssid, password string) error {
	if len(ssid) > 32 {
		return errors.New("a network's name has 32 bytes at most (IEEE 802.11 §9.4.2.2)")
	}
	security, err := wifiSecurity(password)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("[connection]\nid=%s\nuuid=%s\ntype=wifi\nautoconnect-retries=0\n\n[wifi]\nmode=infrastructure\nssid=%s\n"+
		"powersave=2\n\n%s[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n", profile, uuidOf(ssid), byteList(ssid), security)
	path := filepath.Join(b.at(profiles), profile+".nmconnection")
	if old, _ := read(path); old == text {
		return nil
	}
	return place(path, text, 0o600)
}

var rawKey = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

// wifiSecurity is the section of a passphrase, which IEEE 802.11 §J.4 wants to be 8 to 63 characters, or of a raw key.
func wifiSecurity(password string) (string, error) {
	if password == "" {
		return "", nil
	}
	if n := len(password); (n < 8 || n > 63) && !rawKey.MatchString(password) {
		return "", fmt.Errorf("the password of a Wi-Fi network has 8 to 63 characters, this one has %d", n)
	}
	if strings.ContainsAny(password, "\n\r") {
		return "", errors.New("the password of a Wi-Fi network is one line")
	}
	return "[wifi-security]\nkey-mgmt=wpa-psk\npsk=" + escape(password) + "\n\n", nil
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

var country = regexp.MustCompile(`^[A-Z]{2}$`)

// setWifiCountry says which channels are allowed. The kernel takes it as a parameter of its module, and now from iw.
func (b *boot) setWifiCountry(code string) error {
	if !country.MatchString(code) {
		return fmt.Errorf("%q is no country; write two capital letters, such as AT", code)
	}
	err := place(b.at("/etc/modprobe.d/clipd-wifi.conf"), "options cfg80211 ieee80211_regdom="+code+"\n", 0o644)
	if err != nil {
		return err
	}
	// On a board without Wi-Fi neither works, and neither is needed.
	_, _ = b.call("iw", "reg", "set", code)
	_, _ = b.call("rfkill", "unblock", "wifi")
	return b.remember("wifi_country", code)
}
