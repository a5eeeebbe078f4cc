package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Where things are on a board.
const (
	firmwareDir = "/boot/firmware"
	configFile  = "/etc/clipd/clipd.toml"
	credentials = "/etc/credstore"
	boxDir      = "/var/lib/clipd"
	stateDir    = boxDir + "/state"
)

// boot is the system around it. Tests give it another root and note what would be run.
type boot struct {
	root  string // before every path; "/" on a board
	again string // -again; "" where /etc remembers
	clipd string // the program that judges a configuration
	out   io.Writer
	now   func() time.Time
	// patience is how long log waits for an address.
	patience time.Duration
	// within is how long another Wi-Fi waits to be confirmed.
	within time.Duration
	// call runs a program of the system and returns what it printed.
	call func(name string, args ...string) (string, error)
}

func newBoot() *boot {
	return &boot{root: "/", clipd: "clipd", out: os.Stdout, now: time.Now, patience: 90 * time.Second, within: 2 * time.Minute, call: call}
}

func call(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// at is where path is on this system.
func (b *boot) at(path string) string { return filepath.Join(b.root, path) }

// asBox runs do as the user that owns the box's folder, so that clipd can read what do writes from its first moment on, and
// so that a link which clipd was made to put there leads do nowhere that clipd itself may not go.
func (b *boot) asBox(do func() error) error {
	fi, err := os.Stat(b.at(boxDir))
	if err != nil {
		return fmt.Errorf("the box's folder: %w", err)
	}
	owner := fi.Sys().(*syscall.Stat_t)
	if err := become(int(owner.Uid), int(owner.Gid)); err != nil {
		return fmt.Errorf("act as the box's user: %w", err)
	}
	if err = os.MkdirAll(b.at(stateDir), 0o700); err != nil {
		err = fmt.Errorf("the state folder: %w", err)
	} else {
		err = do()
	}
	return errors.Join(err, become(os.Getuid(), os.Getgid()))
}

// become changes the effective ids of the whole process; the real ones stay, so that it can go back.
func become(uid, gid int) error {
	if uid == os.Geteuid() && gid == os.Getegid() {
		return nil
	}
	if os.Geteuid() == os.Getuid() {
		return errors.Join(syscall.Setresgid(-1, gid, -1), syscall.Setresuid(-1, uid, -1))
	}
	return errors.Join(syscall.Setresuid(-1, uid, -1), syscall.Setresgid(-1, gid, -1))
}
