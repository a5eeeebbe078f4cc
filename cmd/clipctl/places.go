package main

import (
	"errors"
	"os"
	"path/filepath"
)

// configFolder is where people's settings of clipctl are: $XDG_CONFIG_HOME/clipctl or ~/.config/clipctl, on every system.
func configFolder() (string, error) { return ownFolder("XDG_CONFIG_HOME", ".config") }

// stateFolder is where clipctl remembers what it did: $XDG_STATE_HOME/clipctl or ~/.local/state/clipctl.
func stateFolder() (string, error) { return ownFolder("XDG_STATE_HOME", ".local/state") }

func ownFolder(variable, beneathHome string) (string, error) {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return filepath.Join(dir, "clipctl"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("the home folder is not known: set HOME or " + variable)
	}
	return filepath.Join(home, filepath.FromSlash(beneathHome), "clipctl"), nil
}

// replaceFile writes a file that only its owner may read: the old one stands until the new one is whole and on disk.
func replaceFile(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(dir)
}
