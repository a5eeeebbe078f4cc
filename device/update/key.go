package update

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
)

// KeyFile is where the image has the public keys.
const KeyFile = "/usr/lib/clipd/update.pub"

// Keys are the public keys of whoever may sign a bundle. Any of them is enough, so that a key can be replaced by an image
// that knows the old and the new one.
type Keys []ed25519.PublicKey

// ReadKeys reads keys from a file: base64, one a line; # begins a comment. A file without a key is an error.
func ReadKeys(file string) (Keys, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the keys of updates: %w", err)
	}
	var keys Keys
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("read the keys of updates: %s: %q is no public key", file, line)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("read the keys of updates: %w", errors.New(file+" has none"))
	}
	return keys, nil
}

// signed tells whether one of the keys has signed text.
func (k Keys) signed(text, signature []byte) bool {
	for _, key := range k {
		if ed25519.Verify(key, text, signature) {
			return true
		}
	}
	return false
}
