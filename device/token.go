package device

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"clipd/device/clock"
	"clipd/device/qr"
	"clipd/store"
)

// AddToken makes a token from NAME=ROLE in the state folder of a running or stopped box and prints it to w with a
// one-time sign-in link, and with its QR code where terminal is true.
func AddToken(cfg Config, spec string, w io.Writer, terminal bool) error {
	name, word, ok := strings.Cut(spec, "=")
	role, err := store.ParseRole(word)
	if !ok || name == "" || err != nil {
		return fmt.Errorf("-add-token %q: write it as NAME=ROLE; roles are viewer, operator and admin", spec)
	}
	if err := os.MkdirAll(cfg.State, 0o750); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	tokens, err := store.OpenTokens(cfg.State, clock.System().Now)
	if err != nil {
		return err
	}
	secret, err := tokens.Add(name, role)
	if err != nil {
		return err
	}
	code, err := tokens.SignIn(name, signInFor)
	if err != nil {
		return err
	}
	link := cfg.knownURL() + "/login?token=" + code
	fmt.Fprintf(w, "token:   %s\nsign in: %s  (once, within an hour)\n", secret, link)
	if terminal {
		return qr.Print(w, link)
	}
	return nil
}

// knownURL is the address the running box noted, else the one its configuration leads to.
func (c *Config) knownURL() string {
	noted, err := os.ReadFile(filepath.Join(c.State, urlFile))
	if err == nil && c.HTTP.PublicURL == "" {
		return string(bytes.TrimSpace(noted))
	}
	addr, err := net.ResolveTCPAddr("tcp", c.HTTP.Listen)
	if err != nil {
		return "http://" + c.HTTP.Listen // check let it pass, so it is a port without a name for its host
	}
	return baseURL(c.HTTP.PublicURL, addr, nil)
}
