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
)

// mounted is an ext4 on a loop device over a disk.
type mounted struct {
	disk *disk
	loop string
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

// formatted is the content of a new ext4 of the given size, made in dir.
func formatted(dir string, size int64, options ...string) ([]byte, error) {
	path := filepath.Join(dir, "ext4.img")
	defer os.Remove(path)
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, size)); err != nil {
		return nil, err
	}
	if _, err := command("mkfs.ext4", append(options, "-q", "-F", "-m", "0", path)...); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// mount puts d on the shelf and mounts it at dir.
func (s *shelf) mount(d *disk, dir string) (*mounted, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	loop, err := command("losetup", "-f", "--show", s.put(d))
	if err != nil {
		return nil, err
	}
	m := &mounted{d, loop, dir}
	if err := syscall.Mount(loop, dir, "ext4", syscall.MS_NOATIME, ""); err != nil {
		return nil, errors.Join(fmt.Errorf("mounting %s: %w", loop, err), m.detach())
	}
	return m, nil
}

// unmount ends both. Whoever has files open there was killed already, but may not have ended yet.
func (m *mounted) unmount() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := until(ctx, func() (bool, error) {
		err := syscall.Unmount(m.dir, 0)
		if errors.Is(err, syscall.EBUSY) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		err = fmt.Errorf("unmounting %s: %w", m.dir, errors.Join(err, syscall.Unmount(m.dir, syscall.MNT_DETACH)))
	}
	return errors.Join(err, m.detach())
}

func (m *mounted) detach() error {
	_, err := command("losetup", "-d", m.loop)
	return err
}
