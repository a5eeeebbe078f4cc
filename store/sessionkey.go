package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	sessionKeyFile = "session-key"
	sessionKeySize = 32
)

// SessionKey reads (or makes) state/session-key, 32 random bytes that sign the sessions of browsers. A file of any
// other size is replaced: people sign in again.
func SessionKey(dir string) ([]byte, error) {
	key, err := os.ReadFile(filepath.Join(dir, sessionKeyFile))
	if err == nil && len(key) == sessionKeySize {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the key of sessions: %w", err)
	}
	key = make([]byte, sessionKeySize)
	rand.Read(key)
	if err := WriteFile(dir, sessionKeyFile, key, 0o600); err != nil {
		return nil, err
	}
	return key, nil
}
