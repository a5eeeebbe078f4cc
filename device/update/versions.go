package update

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
)

// Variable is the environment variable in which the launcher tells clipd how it was started.
const Variable = "CLIPD_LAUNCH"

// Config says where the versions are and what they are measured against.
type Config struct {
	Dir      string `json:"dir"`      // the versions folder
	KeyFile  string `json:"key"`      // the public keys, on the read-only root
	Packaged string `json:"packaged"` // version of the packaged program
	Built    int64  `json:"built"`    // of the packaged program, Unix seconds of its commit
	Running  string `json:"running"`  // the folder of the version that runs, "" for the packaged one
}

// Versions are the versions in a folder. Safe for concurrent use, by several processes too.
type Versions struct {
	Config
	dir    string
	keys   Keys
	taking atomic.Bool
}

// Open makes the folder if there is none. An error means that this box knows no key.
func Open(cfg Config) (*Versions, error) {
	keys, err := ReadKeys(cfg.KeyFile)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the versions folder: %w", err)
	}
	return &Versions{Config: cfg, dir: cfg.Dir, keys: keys}, nil
}

// Launched are the versions this process was started from by the launcher; nil where no launcher started it.
func Launched() (*Versions, error) {
	text := os.Getenv(Variable)
	if text == "" {
		return nil, nil
	}
	var cfg Config
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return nil, fmt.Errorf("read %s: %w", Variable, err)
	}
	return Open(cfg)
}

// Environment is what the launcher hands to the version it starts, for Launched.
func (v *Versions) Environment(running string) (string, error) {
	cfg := v.Config
	cfg.Running = running
	text, err := json.Marshal(cfg)
	return Variable + "=" + string(text), err
}

// Status is what is said of the versions.
type Status struct {
	Running  string // version
	Packaged string
	Previous string // what runs if the running one fails
	Trial    bool   // a new version was not ready and healthy yet
	Failed   *Failed
}

// Status reads the choice of now.
func (v *Versions) Status() (Status, error) {
	c, err := v.readChoice()
	s := Status{Running: v.name(v.Running), Packaged: v.Packaged, Trial: c.Trial, Failed: c.Failed}
	if c.Chosen != "" {
		s.Previous = v.name(c.Previous)
	}
	return s, err
}

// name is the version in a folder's name.
func (v *Versions) name(folder string) string {
	if folder == "" {
		return v.Packaged
	}
	return versionOf(folder)
}

// open checks the version in folder from its head to its last byte. It must not be older than the packaged one.
func (v *Versions) open(folder string) (h head, err error) {
	f, err := openPlain(filepath.Join(v.dir, folder, headFile))
	if err != nil {
		return h, err
	}
	defer f.Close()
	if h, err = readHead(bufio.NewReader(f), v.keys); err != nil {
		return h, err
	}
	if err := v.fits(&h); err != nil {
		return h, err
	}
	p := h.program()
	in, err := openPlain(filepath.Join(v.dir, folder, p.Name))
	if err != nil {
		return h, err
	}
	defer in.Close()
	return h, p.verify(in)
}

// errOvertaken is a version older than the packaged one.
var errOvertaken = fmt.Errorf("%w, it is too old", ErrRefused)

// fits tells whether a version may run on this box.
func (v *Versions) fits(h *head) error {
	switch {
	case h.Arch != arch():
		return refuse("it is for %s, and this box is %s", h.Arch, arch())
	case h.Built < v.Built:
		return fmt.Errorf("%w: %s is older than %s, which is in the image; to go back that far, flash an older image", errOvertaken, h.Version, v.Packaged)
	}
	return nil
}

// tidy removes every version but those named.
func (v *Versions) tidy(keep ...string) error {
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return fmt.Errorf("look through the versions: %w", err)
	}
	kept := map[string]bool{}
	for _, k := range keep {
		kept[k] = true
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() && !kept[e.Name()] {
			errs = append(errs, os.RemoveAll(filepath.Join(v.dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
