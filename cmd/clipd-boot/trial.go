package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"clipd/device/wish"
)

// A Wi-Fi on trial, step by step. What was before stands in a file of its own until the end, so that a crash or a power
// cut anywhere leads back to it (undoTrial, at the next start of this program or of the board):
//
//  1. what is in force now is kept beside the profiles
//  2. the new profile and country come into place
//  3. the network is joined; if it refuses, the trial ends here
//  4. clipd is told, and the verdict is awaited
//  5. kept: the file of step 1 is removed; else what it holds is put back first

// before is what was in force before a trial.
type before struct {
	Profile string // "" for none
	Country string // "" for none
}

// beforeFile is among the profiles because that folder is root's and outlives a boot. NetworkManager reads no hidden file.
const beforeFile = ".clipd-wifi.before"

const lostTrial = "the box was started anew before they were confirmed"

// joinFor is how long, in seconds, NetworkManager may take to join a network.
const joinFor = "45"

func (b *boot) beforePath() string { return filepath.Join(b.at(profiles), beforeFile) }

// try puts the Wi-Fi of w in force until it is confirmed or undone.
func (b *boot) try(w wish.Wish) error {
	if err := b.keepBefore(); err != nil {
		return b.settle(w, wish.Refused, err.Error())
	}
	if err := b.setNetwork(*w.Wifi); err != nil {
		return b.fail(w, err.Error())
	}
	if err := b.join(w.Wifi.SSID != ""); err != nil {
		return b.fail(w, "the network could not be joined: "+err.Error())
	}
	switch verdict, err := b.await(w.ID); {
	case err != nil:
		return b.fail(w, err.Error())
	case verdict == wish.Keep:
		return errors.Join(b.endTrial(), b.settle(w, wish.Done, ""))
	case verdict == wish.Undo:
		return b.fail(w, "somebody undid them")
	}
	return b.fail(w, "nobody confirmed them within two minutes")
}

// fail undoes the trial of w.
func (b *boot) fail(w wish.Wish, why string) error {
	if _, err := b.undoTrial(); err != nil {
		return err // the next start tries again
	}
	b.reconnect()
	return b.settle(w, wish.Undone, why)
}

func (b *boot) keepBefore() error {
	text, err := read(b.profilePath())
	if err != nil {
		return err
	}
	kept, err := json.Marshal(before{text, b.network().Country})
	if err != nil {
		return err
	}
	return place(b.beforePath(), string(kept), 0o600)
}

// setNetwork brings a network that was checked into place.
func (b *boot) setNetwork(to wish.Wifi) error {
	if to.Country != "" && to.Country != b.network().Country {
		if err := b.setWifiCountry(to.Country); err != nil {
			return err
		}
	}
	if to.SSID == "" {
		return remove(b.profilePath())
	}
	old, err := read(b.profilePath())
	if err != nil {
		return err
	}
	security := securityOf(old)
	if to.Password != nil {
		security = securityText(*to.Password)
	}
	return b.placeProfile(profileText(to.SSID, security, wish.Dashboard))
}

// join has NetworkManager read the profiles again and, if there is one, use ours.
func (b *boot) join(some bool) error {
	if _, err := b.call("nmcli", "connection", "reload"); err != nil || !some {
		return err
	}
	_, err := b.call("nmcli", "--wait", joinFor, "connection", "up", "id", profile)
	return err
}

// reconnect joins what is in place. What fails now NetworkManager tries again by itself, for ever.
func (b *boot) reconnect() {
	if err := b.join(b.network().SSID != ""); err != nil {
		fmt.Fprintln(b.out, "clipd-boot: back to the Wi-Fi before:", err)
	}
}

// undoTrial puts back what was in force before a trial, and reports whether there was one. It may be done twice.
func (b *boot) undoTrial() (bool, error) {
	text, err := read(b.beforePath())
	if err != nil || text == "" {
		return false, err
	}
	var old before
	if err := json.Unmarshal([]byte(text), &old); err != nil {
		return false, fmt.Errorf("%s: %w", b.beforePath(), err)
	}
	if old.Profile == "" {
		err = remove(b.profilePath())
	} else {
		err = b.placeProfile(old.Profile)
	}
	if country := b.network().Country; err == nil && country != old.Country {
		err = b.backToCountry(old.Country)
	}
	if err != nil {
		return false, fmt.Errorf("go back to the Wi-Fi before: %w", err)
	}
	return true, b.endTrial()
}

func (b *boot) backToCountry(code string) error {
	if code != "" {
		return b.setWifiCountry(code)
	}
	if b.again != "" {
		if err := remove(b.kept("wifi_country")); err != nil {
			return err
		}
	}
	return remove(b.at(regdomFile))
}

func (b *boot) endTrial() error { return remove(b.beforePath()) }

// remove has a file gone from the disk when it returns.
func remove(path string) error {
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// noteNetwork tells clipd at each boot what the Wi-Fi is, where it is for people to change, and whether a trial was lost.
func (b *boot) noteNetwork(lost bool) error {
	if _, err := os.Stat(b.at(wish.Marker)); err != nil {
		return nil
	}
	if lost {
		return b.answer(wish.Answer{State: wish.Undone, Problem: lostTrial})
	}
	return b.answer(wish.Answer{})
}

// await tells clipd of the trial and returns its verdict, "" if none comes in time. Any other wish ends the trial too.
func (b *boot) await(id string) (verdict string, err error) {
	changes, err := b.watchState()
	if err != nil {
		return "", err
	}
	defer changes.Close()
	told := b.answer(wish.Answer{ID: id, State: wish.OnTrial, Until: sinceBoot() + b.within.Seconds()})
	if err := errors.Join(changes.SetReadDeadline(time.Now().Add(b.within)), told, b.dropWish()); err != nil {
		return "", err
	}
	fmt.Fprintf(b.out, "clipd-boot: settings: on trial for %v\n", b.within)
	events := make([]byte, 4096)
	for {
		w, err := b.wish()
		switch {
		case err == nil && w.ID == id && w.Verdict == wish.Keep:
			return wish.Keep, nil
		case err == nil || !errors.Is(err, fs.ErrNotExist):
			return wish.Undo, nil
		}
		if _, err := changes.Read(events); errors.Is(err, os.ErrDeadlineExceeded) {
			return "", nil
		} else if err != nil {
			return "", fmt.Errorf("inotify read: %w", err)
		}
	}
}

// watchState can be read when a file came into the state folder.
func (b *boot) watchState() (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify_init1: %w", err)
	}
	err = b.asBox(func() error {
		_, err := unix.InotifyAddWatch(fd, b.at(stateDir), unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("inotify_add_watch: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "inotify"), nil
}

// sinceBoot is the second of CLOCK_BOOTTIME, which clipd reads too.
func sinceBoot() float64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano()).Seconds()
}
