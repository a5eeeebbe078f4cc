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
// configuration file.
func (c *Config) secretText(key, name string) (string, error) {
	for _, path := range c.secretPaths(name) {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", key, err)
		}
		return string(b), nil
	}
	return "", fmt.Errorf("%s: there is no file %s", key, strings.Join(c.secretPaths(name), " nor "))
}

func (c *Config) secretPaths(name string) (paths []string) {
	if name != filepath.Base(name) {
		return []string{name}
	}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		paths = append(paths, filepath.Join(dir, name))
	}
	return append(paths, filepath.Join(filepath.Dir(c.file), name))
}
