package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// mounted is an ext4 on a loop device over a disk.
type mounted struct {
	disk *disk
	dir  string
}

// command runs a program of the system and returns what it printed.
func command(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if path, err := exec.LookPath(name); err != nil {
		cmd.Path, cmd.Err = filepath.Join("/usr/sbin", name), nil // not in everybody's PATH
	} else {
		cmd.Path = path
	}
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, text)
	}
	return text, nil
}

// formatted is a new ext4 of the given size, made in dir.
func formatted(dir string, size int64, options ...string) (content, error) {
	path := filepath.Join(dir, "ext4.img")
	defer os.Remove(path)
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, size)); err != nil {
		return nil, err
	}
	if _, err := command("mkfs.ext4", append(options, "-q", "-F", "-m", "0", "-b", fmt.Sprint(block), path)...); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	return contentOf(b), err
}

// loopOver gives the file at path a loop device that goes when nobody has it open any more. The caller closes it.
func loopOver(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("LOOP_CTL_GET_FREE: %w", err)
		}
		loop, err := os.OpenFile(fmt.Sprint("/dev/loop", n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		config := unix.LoopConfig{Fd: uint32(file.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		err = unix.IoctlLoopConfigure(int(loop.Fd()), &config)
		if err == nil {
			return loop, nil
		}
		loop.Close()
		if !errors.Is(err, unix.EBUSY) { // then somebody else was faster
			return nil, fmt.Errorf("LOOP_CONFIGURE of %s: %w", loop.Name(), err)
		}
	}
}

// mount puts d on the shelf and mounts it at dir.
func (s *shelf) mount(d *disk, dir string) (*mounted, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	loop, err := loopOver(s.put(d))
	if err != nil {
		return nil, err
	}
	defer loop.Close()
	if err := syscall.Mount(loop.Name(), dir, "ext4", syscall.MS_NOATIME, ""); err != nil {
		return nil, fmt.Errorf("mounting %s: %w", loop.Name(), err)
	}
	return &mounted{d, dir}, nil
}

// unmount waits for whoever has files open there: it was killed already, but may not have ended yet.
func (m *mounted) unmount() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := free(ctx, func() error { return syscall.Unmount(m.dir, 0) })
	if err != nil {
		return fmt.Errorf("unmounting %s: %w", m.dir, errors.Join(err, syscall.Unmount(m.dir, syscall.MNT_DETACH)))
	}
	return nil
}
