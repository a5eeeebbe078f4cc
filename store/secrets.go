package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	linkKeyFile      = "link-key"
	sessionKeyFile   = "session-key"
	mqttPasswordFile = "mqtt-password"
	keySize          = 32
)

// LinkKey reads (or makes) state/link-key, which signs links: 32 random bytes.
func LinkKey(dir string) ([]byte, error) { return key(dir, linkKeyFile) }

// RotateLinkKey replaces state/link-key: every link handed out is void. The new key is on disk before it returns.
func RotateLinkKey(dir string) ([]byte, error) { return newKey(dir, linkKeyFile) }

// SessionKey reads (or makes) state/session-key, which signs browsers' sessions: 32 random bytes.
func SessionKey(dir string) ([]byte, error) { return key(dir, sessionKeyFile) }

// key reads a key file. One of any other size has signed nothing and is replaced.
func key(dir, name string) ([]byte, error) {
	k, err := os.ReadFile(filepath.Join(dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(k) != keySize:
		return newKey(dir, name)
	case err != nil:
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	return k, nil
}

func newKey(dir, name string) ([]byte, error) {
	k := make([]byte, keySize)
	rand.Read(k)
	if err := WriteFile(dir, name, k, 0o600); err != nil {
		return nil, err
	}
	return k, nil
}

// MQTTPassword reads (or makes) state/mqtt-password, the one line that clients of the embedded broker show off loopback.
// People may write their own into it.
func MQTTPassword(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, mqttPasswordFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the password of the embedded broker: %w", err)
	}
	if password := strings.TrimSpace(string(text)); password != "" {
		return password, nil
	}
	password := rand.Text()
	return password, WriteFile(dir, mqttPasswordFile, []byte(password+"\n"), 0o600)
}
