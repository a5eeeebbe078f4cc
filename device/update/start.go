package update

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// A Start is what runs next.
type Start struct {
	Program string // path; "" for the packaged program
	Folder  string // "" for the packaged program
	Version string
	Trial   bool
	Said    []string // what there is to say about it
}

// Start decides what runs next and counts the start. boot is the id of this boot of the board. Only the launcher calls it,
// while nothing else of this user runs; whatever goes wrong, the answer is the packaged program.
func (v *Versions) Start(boot string) (s Start) {
	unlock, err := v.hold()
	if err != nil { // of a disk that is read-only; nobody else changes the choice now
		s.Said, unlock = append(s.Said, err.Error()), func() {}
	}
	defer unlock()
	c, err := v.readChoice()
	if err != nil {
		return v.packaged(err.Error())
	}
	before := c
	for c.Chosen != "" {
		err := v.startable(&c, boot)
		if err == nil {
			s.Folder, s.Version, s.Trial = c.Chosen, versionOf(c.Chosen), c.Trial
			s.Program = filepath.Join(v.dir, c.Chosen, program)
			return s
		}
		s.Said = append(s.Said, fmt.Sprintf("version %s does not start: %v", versionOf(c.Chosen), err))
		c.giveWay(err)
	}
	if c != before {
		if err := v.writeChoice(c); err != nil {
			s.Said = append(s.Said, err.Error())
		}
	}
	s.Version = v.Packaged
	return s
}

func (v *Versions) packaged(said string) Start {
	return Start{Version: v.Packaged, Said: []string{said}}
}

// errStarts ends a version's trial.
var errStarts = errors.New("three starts failed")

// startable verifies the chosen version and counts its start. A start on trial that cannot be counted does not happen.
func (v *Versions) startable(c *choice, boot string) error {
	if _, err := v.open(c.Chosen); err != nil {
		return err
	}
	c.begin(boot)
	if c.Starts > maxStarts {
		return errStarts
	}
	if err := v.writeChoice(*c); err != nil && c.Trial {
		return err
	}
	return nil
}

// giveWay lets the chosen version fail. One that an image with a newer clipd has overtaken did not fail.
func (c *choice) giveWay(err error) {
	before := c.Failed
	c.fail(strings.TrimPrefix(err.Error(), ErrRefused.Error()+": "))
	if errors.Is(err, errOvertaken) {
		c.Failed = before
	}
}

// Keep says that the running version is ready and healthy: its trial and its count of starts end. It returns whether it
// was on trial. For the packaged version it does nothing.
func (v *Versions) Keep() (proved bool, err error) {
	previous := ""
	err = v.change(func(c *choice) bool {
		if c.Chosen == "" || c.Chosen != v.Running || !c.Trial && c.Starts == 0 {
			return false
		}
		proved, previous = c.Trial, c.Previous
		c.Trial, c.Starts = false, 0
		return true
	})
	if err == nil && proved {
		err = v.tidy(v.Running, previous)
	}
	return proved, err
}

// Fail says that the version in folder was not ready and healthy in time. It returns false where the version has proved
// itself meanwhile: then nothing has changed.
func (v *Versions) Fail(folder, reason string) (failed bool, err error) {
	err = v.change(func(c *choice) bool {
		if failed = c.Trial && c.Chosen == folder; failed {
			c.fail(reason)
		}
		return failed
	})
	return failed, err
}
