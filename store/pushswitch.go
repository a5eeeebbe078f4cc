package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const pushFile = "push"

// PushesOn reads state/push, whether pushes are on: they are where nobody ever said anything.
func PushesOn(dir string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(dir, pushFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("reading whether pushes are on: %w", err)
	}
	return strings.TrimSpace(string(text)) != "OFF", nil
}

// KeepPushesOn writes state/push, before it returns.
func KeepPushesOn(dir string, on bool) error {
	text := "OFF\n"
	if on {
		text = "ON\n"
	}
	return WriteFile(dir, pushFile, []byte(text), 0o600)
}
