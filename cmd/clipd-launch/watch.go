package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// How far the process that watches over a trial has come: the launcher starts it, it starts itself once more and ends,
// so that what is left is a child of the system and not of clipd, which would not wait for it.
const (
	watchBegins = "begin"
	watchGoesOn = "on"
)

// watched is the descriptor that both get: a pidfd of the process that becomes clipd.
const watched = 3

// graceful is how long what is stopped has to end by itself.
const graceful = 10 * time.Second

// startWatch starts the second process, for the version in folder.
func (l *launcher) startWatch(folder string) error {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("watch over the trial: pidfd_open: %w", err)
	}
	self := os.NewFile(uintptr(fd), "pidfd")
	defer self.Close()
	if err := l.watcher(watchBegins, folder, self).Run(); err != nil {
		return fmt.Errorf("watch over the trial: %w", err)
	}
	return nil
}

func (l *launcher) watcher(stage, folder string, pidfd *os.File) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", "-versions", l.versions, "-key", l.key, "-within", l.within.String(), "-watch", stage, "-folder", folder)
	cmd.Args[0] = "clipd-launch"
	cmd.Stderr, cmd.ExtraFiles = os.Stderr, []*os.File{pidfd}
	return cmd
}

// watchOver is the second process.
func (l *launcher) watchOver() error {
	if l.watch == watchBegins {
		if err := l.watcher(watchGoesOn, l.folder, os.NewFile(watched, "pidfd")).Start(); err != nil {
			return fmt.Errorf("watch over the trial: %w", err)
		}
		return nil
	}
	if ended, err := ends(l.within); ended || err != nil {
		return err
	}
	v, err := l.open()
	if err != nil {
		return err
	}
	if failed, err := v.Fail(l.folder, "it was not ready and healthy within "+l.within.String()); !failed {
		return err
	}
	return end()
}

// end ends the process that is watched.
func end() error {
	err := unix.PidfdSendSignal(watched, unix.SIGTERM, nil, 0)
	if ended, late := ends(graceful); late != nil || !ended {
		err = errors.Join(late, unix.PidfdSendSignal(watched, unix.SIGKILL, nil, 0))
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end the version that failed: %w", err)
	}
	return nil
}

// ends blocks until the process that is watched has ended, at most for within.
func ends(within time.Duration) (bool, error) {
	for until := time.Now().Add(within); ; {
		left := max(0, time.Until(until))
		n, err := unix.Poll([]unix.PollFd{{Fd: watched, Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("poll the version on trial: %w", err)
		}
		return n > 0, nil
	}
}
