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
	linkKeyFile = "link-key"
	linkKeySize = 32
)

// LinkKey reads (or makes) state/link-key, 32 random bytes. A file of any other size signs nothing and is replaced: links
// made with what it held are void anyway.
func LinkKey(dir string) ([]byte, error) {
	key, err := os.ReadFile(filepath.Join(dir, linkKeyFile))
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(key) != linkKeySize:
		return RotateLinkKey(dir)
	case err != nil:
		return nil, fmt.Errorf("reading the key of links: %w", err)
	}
	return key, nil
}

// RotateLinkKey replaces state/link-key: every link handed out is void. The new key is on disk before it returns.
func RotateLinkKey(dir string) ([]byte, error) {
	key := make([]byte, linkKeySize)
	rand.Read(key)
	if err := WriteFile(dir, linkKeyFile, key, 0o600); err != nil {
		return nil, err
	}
	return key, nil
}
