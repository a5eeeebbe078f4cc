package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// config is config.toml: the boxes a person has signed in to, by the names they are called.
type config struct {
	Default string              `toml:"default,omitempty"` // the box that is meant where none is named
	Box     map[string]namedBox `toml:"box"`
}

type namedBox struct {
	URL   string `toml:"url"`
	Token string `toml:"token,omitempty"`
	Key   string `toml:"key,omitempty"` // of a certificate that nobody vouches for; see box.pin
}

func configPath() (string, error) {
	dir, err := configFolder()
	return filepath.Join(dir, "config.toml"), err
}

// readConfig returns an empty config where there is no file.
func readConfig() (c config, err error) {
	path, err := configPath()
	if err != nil {
		return c, nil // without a home there is none
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	meta, err := toml.Decode(string(text), &c)
	if err != nil {
		return c, usageError(fmt.Sprintf("%s: %v", path, err))
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return c, usageError(fmt.Sprintf("%s: %s is no key of it", path, unknown[0]))
	}
	return c, nil
}

// write replaces the file; it holds tokens, so only its owner may read it.
func (c config) write() (path string, err error) {
	path, err = configPath()
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(c); err != nil {
		return "", err
	}
	return path, replaceFile(path, text.Bytes())
}

// find is the box called name, or the one that is meant where name is "".
func (c config) find(name string) (string, namedBox, error) {
	if name == "" {
		name = c.Default
	}
	if name == "" && len(c.Box) == 1 {
		name = c.names()[0]
	}
	if b, ok := c.Box[name]; ok {
		return name, b, nil
	}
	if name != "" {
		return "", namedBox{}, usageError(fmt.Sprintf("no box is called %q: %s", name, c.known()))
	}
	return "", namedBox{}, usageError("which box? Say --url http://ADDRESS:8470, set " + envURL + ", or sign in once with clipctl login: " + c.known())
}

// keyOf is the key noted for the box at base, or "".
func (c config) keyOf(base *url.URL) string {
	for _, b := range c.Box {
		if b.URL == base.String() && b.Key != "" {
			return b.Key
		}
	}
	return ""
}

func (c config) names() []string { return slices.Sorted(maps.Keys(c.Box)) }

func (c config) known() string {
	if len(c.Box) == 0 {
		return "clipctl login has been used for none yet"
	}
	return "there are " + strings.Join(c.names(), ", ")
}
