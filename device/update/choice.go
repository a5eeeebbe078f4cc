package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"clipd/store"
)

const (
	choiceFile = "choice"
	lockFile   = "lock"
	maxStarts  = 3
)

// choice is which version starts. Versions are named by their folders; "" is the packaged one.
type choice struct {
	Chosen   string  `json:"chosen"`
	Previous string  `json:"previous"`
	Trial    bool    `json:"trial"`  // Chosen was never ready and healthy
	Starts   int     `json:"starts"` // of Chosen since it last was
	Boot     string  `json:"boot"`   // of the last of these
	Failed   *Failed `json:"failed,omitempty"`
}

// Failed is the version that gave way last, and why.
type Failed struct {
	Version string `json:"version"`
	Reason  string `json:"reason"`
}

// fail lets the chosen version give way to the previous one.
func (c *choice) fail(reason string) {
	*c = choice{Chosen: c.Previous, Failed: &Failed{versionOf(c.Chosen), reason}}
}

// begin counts a start. A version that was healthy once is not blamed for starts that ended with the power.
func (c *choice) begin(boot string) {
	if !c.Trial && c.Boot != boot {
		c.Starts = 0
	}
	c.Boot, c.Starts = boot, c.Starts+1
}

// versionOf is the version in the name of its folder, which ends with - and eight digits.
func versionOf(folder string) string { return folder[:max(0, len(folder)-9)] }

// readChoice returns the zero choice, the packaged version, where none was made. One that makes no sense is none, and says so.
func (v *Versions) readChoice() (c choice, err error) {
	f, err := openPlain(filepath.Join(v.dir, choiceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read which version was chosen: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxLine))
	if err != nil {
		return c, fmt.Errorf("read which version was chosen: %w", err)
	}
	err = json.Unmarshal(text, &c)
	if err != nil || !plain(c.Chosen) || !plain(c.Previous) {
		return choice{Failed: &Failed{Reason: "which version was chosen cannot be read any more"}}, nil
	}
	return c, nil
}

// plain tells whether name is a folder of ours, or none.
func plain(name string) bool {
	return name == "" || len(name) > 9 && goodVersion.MatchString(versionOf(name)) && filepath.Base(name) == name
}

func (v *Versions) writeChoice(c choice) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return store.WriteFile(v.dir, choiceFile, append(text, '\n'), 0o600)
}

// change has do change the choice while nobody else does, and writes it if do returns true.
func (v *Versions) change(do func(c *choice) (changed bool)) error {
	unlock, err := v.hold()
	if err != nil {
		return err
	}
	defer unlock()
	c, err := v.readChoice()
	if err != nil {
		return err
	}
	if !do(&c) {
		return nil
	}
	return v.writeChoice(c)
}

// hold blocks until no other process has the lock.
func (v *Versions) hold() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(v.dir, lockFile), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the versions: %w", err)
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the versions: %w", err)
	}
	return func() { f.Close() }, nil
}

// openPlain opens a file to be read that is neither a link nor a pipe nor anything else one could wait for.
func openPlain(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is no file", path))
	}
	return f, nil
}
