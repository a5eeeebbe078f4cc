package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secret reads the first line of the file a key names.
func (c *Config) secret(key, name string) (string, error) {
	text, err := c.secretText(key, name)
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimRight(line, "\r"), err
}

// secretText reads the file a key names. A bare name is looked up in systemd's credentials folder, then beside the
// file that the key stands in.
func (c *Config) secretText(key, name string) (string, error) {
	for _, path := range c.secretPaths(key, name) {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", key, err)
		}
		return string(b), nil
	}
	return "", fmt.Errorf("%s: there is no file %s", key, strings.Join(c.secretPaths(key, name), " nor "))
}

func (c *Config) secretPaths(key, name string) (paths []string) {
	if name != filepath.Base(name) {
		return []string{name}
	}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		paths = append(paths, filepath.Join(dir, name))
	}
	return append(paths, filepath.Join(filepath.Dir(c.fileOf(key)), name))
}

// fileOf is the file that key stands in.
func (c *Config) fileOf(key string) string {
	if saved := filepath.Join(c.State, SettingsFile); strings.HasPrefix(c.Sources[key], saved+":") {
		return saved
	}
	return c.file
}
