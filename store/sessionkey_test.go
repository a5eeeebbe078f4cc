package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestSessionKeyStaysTheSameAndIsPrivate(t *testing.T) {
	dir := t.TempDir()
	first, err := SessionKey(dir)
	if err != nil || len(first) != keySize {
		t.Fatalf("SessionKey: %d bytes, %v", len(first), err)
	}
	again, err := SessionKey(dir)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("the second call gave another key, or %v", err)
	}
	fi, err := os.Stat(filepath.Join(dir, sessionKeyFile))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v; want mode 0600", fi, err)
	}
}

func TestSessionKeyOfAnotherSizeIsReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, sessionKeyFile), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if key, err := SessionKey(dir); err != nil || len(key) != keySize {
		t.Errorf("SessionKey: %d bytes, %v", len(key), err)
	}
}
