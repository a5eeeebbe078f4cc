package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"clipd/device/wish"
)

// recorderUnits are all cameras' recorders, as far as they run.
const recorderUnits = "clipd-recorder@*.service"

// setRecorder changes the recorder's settings, by their names in a wish, and starts the recorders that run anew.
func (b *boot) setRecorder(changes map[string]*string) error {
	env := map[string]*string{}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		k, known := wish.KeyOf(name)
		if !known {
			return fmt.Errorf("recorder.%s: unknown key", name)
		}
		env[k.Env] = changes[name]
	}
	old, err := read(b.at(wish.RecorderFile))
	if err != nil {
		return err
	}
	text, err := wish.WriteEnv(old, env)
	if err != nil {
		return fmt.Errorf("%s was not changed: %w; mend it by hand", wish.RecorderFile, err)
	}
	if err := b.placeRecorder(text); err != nil {
		return err
	}
	if _, err := b.call("systemctl", "--no-block", "try-restart", recorderUnits); err != nil {
		return errors.Join(fmt.Errorf("the recorder could not be started anew: %w", err), b.placeRecorder(old))
	}
	return nil
}

func (b *boot) placeRecorder(text string) error {
	path := b.at(wish.RecorderFile)
	if err := place(path, text, 0o640); err != nil {
		return err
	}
	return b.shareWithBox(path)
}

// shareWithBox lets the box's group read path, and nobody else: an address of a camera may hold a password.
func (b *boot) shareWithBox(path string) error {
	fi, err := os.Stat(b.at(boxDir))
	if err != nil {
		return fmt.Errorf("the box's folder: %w", err)
	}
	return unix.Chown(path, os.Getuid(), int(fi.Sys().(*syscall.Stat_t).Gid))
}
