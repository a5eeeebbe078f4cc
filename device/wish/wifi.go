package wish

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

func join(errs ...error) error { return errors.Join(errs...) }

// check says what is wrong with the network; nil is none.
func (w *Wifi) check() error {
	if w == nil {
		return nil
	}
	var errs []error
	bad := func(key string, err error) {
		if err != nil {
			errs = append(errs, Wrong{key, err.Error()})
		}
	}
	bad("wifi.ssid", CheckSSID(w.SSID))
	if w.Password != nil {
		bad("wifi.password", CheckPassphrase(*w.Password))
	}
	if w.Country != "" {
		bad("wifi.country", CheckCountry(w.Country))
	}
	return join(errs...)
}

// CheckSSID says what is wrong with a network's name; "" is none.
func CheckSSID(ssid string) error {
	if len(ssid) > 32 {
		return errors.New("a network's name has 32 bytes at most (IEEE 802.11 §9.4.2.2)")
	}
	if !printable(ssid) {
		return errors.New("a network's name is one line of text")
	}
	return nil
}

var rawKey = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

// CheckPassphrase says what is wrong with a network's password, which IEEE 802.11 §J.4 wants to be 8 to 63 characters, or
// a raw key; "" is that of an open network.
func CheckPassphrase(password string) error {
	switch n := len(password); {
	case n == 0 || rawKey.MatchString(password):
		return nil
	case n < 8 || n > 63:
		return fmt.Errorf("the password of a Wi-Fi network has 8 to 63 characters, this one has %d", n)
	case !printable(password):
		return errors.New("the password of a Wi-Fi network is one line of text")
	}
	return nil
}

// printable reports whether s is text without anything that ends a line or hides in one.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}

var country = regexp.MustCompile(`^[A-Z]{2}$`)

// CheckCountry says what is wrong with a country (ISO 3166-1 alpha-2).
func CheckCountry(code string) error {
	if !country.MatchString(code) {
		return fmt.Errorf("%q is no country; write two capital letters, such as AT", code)
	}
	return nil
}
