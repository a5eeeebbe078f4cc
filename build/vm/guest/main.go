// Command guest is process 1 of the machines of package vm: it mounts what programs expect, loads the kernel modules that
// /vm/modules names, runs /vm/commands with /vm/environment, prints the exit code to the console and turns the machine off.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	code, err := run()
	if err != nil {
		fmt.Println("vm:", err)
	}
	fmt.Println("vm: the command ended with", code)
	unix.Sync()
	// With -no-reboot the emulator ends.
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		fmt.Println("vm: turn off:", err)
	}
}

func run() (int, error) {
	for _, step := range []func() error{mount, loopback, load} {
		if err := step(); err != nil {
			return -1, err
		}
	}
	commands, err := lines("/vm/commands")
	if err != nil {
		return -1, err
	}
	env, err := lines("/vm/environment")
	if err != nil {
		return -1, err
	}
	for _, command := range commands {
		code, err := start(strings.Split(command, "\t"), env)
		if code != 0 || err != nil {
			return code, err
		}
	}
	return 0, nil
}

// start runs one command to its end.
func start(words, env []string) (int, error) {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "TMPDIR=/tmp"}, env...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/tmp", os.Stdout, os.Stdout
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return -1, fmt.Errorf("run %s: %w", words[0], err)
	}
	return cmd.ProcessState.ExitCode(), nil
}

func mount() error {
	for _, m := range []struct{ kind, at, options string }{
		{"proc", "/proc", ""}, {"sysfs", "/sys", ""}, {"devtmpfs", "/dev", ""}, {"tmpfs", "/tmp", "mode=1777"}, {"tmpfs", "/run", ""},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, m.options); err != nil && err != unix.EBUSY {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	return nil
}

// loopback brings lo up, netdevice(7).
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}

func load() error {
	modules, err := lines("/vm/modules")
	if err != nil {
		return err
	}
	for _, path := range modules {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && err != unix.EEXIST {
			return fmt.Errorf("load %s: %w", path, err)
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

func lines(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	return strings.FieldsFunc(string(text), func(c rune) bool { return c == '\n' }), err
}
