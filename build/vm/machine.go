package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Machine is a computer that runs what it is told once, and is gone.
type Machine struct {
	Kernel   *Kernel
	Modules  []string          // loaded before the program starts, with all they need
	Files    map[string]string // path there -> path here: a file, or a folder with all below it
	Programs []string          // programs of this machine, by name or path, that are there under the same path, with their libraries
	Commands [][]string        // what runs, one after the other until one fails; the first word of each is a path there
	Env      []string          // NAME=value

	Processors int // 2
	Memory     int // MiB; 1024
}

// said is what the guest's init prints before the exit code.
const said = "vm: the command ended with "

// errUnfinished is a machine that stopped without saying what became of its command.
var errUnfinished = errors.New("the machine stopped before its commands ended")

// Run boots the machine, writes what its commands print to w and returns the last exit code. scratch is a folder for the
// initramfs, which may be removed afterwards. It blocks until the machine is off; when ctx is done that is at once.
func (m *Machine) Run(ctx context.Context, scratch string, w io.Writer) (int, error) {
	initrd := filepath.Join(scratch, "initramfs.gz")
	if err := m.pack(ctx, scratch, initrd); err != nil {
		return 0, fmt.Errorf("make an initramfs: %w", err)
	}
	console := &console{w: w}
	// no_timer_check: on a busy host the emulated timer is late, and the kernel would take it for broken.
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max",
		"-smp", strconv.Itoa(or(m.Processors, 2)), "-m", strconv.Itoa(or(m.Memory, 1024)),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", m.Kernel.Image, "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off")
	var complaints strings.Builder
	cmd.Stdout, cmd.Stderr = console, &complaints
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("qemu-system-x86_64: %w: %s", err, complaints.String())
	}
	if console.code == nil {
		return 0, errUnfinished
	}
	return *console.code, nil
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// console passes on what the guest prints, without the carriage returns of a terminal, and finds the exit code in it.
type console struct {
	w    io.Writer
	line []byte
	code *int
}

func (c *console) Write(p []byte) (int, error) {
	for line := range bytes.SplitAfterSeq(p, []byte("\n")) {
		c.line = append(c.line, line...)
		if !bytes.HasSuffix(c.line, []byte("\n")) {
			continue
		}
		text := strings.ReplaceAll(string(c.line), "\r", "")
		c.line = c.line[:0]
		if rest, ok := strings.CutPrefix(text, said); ok {
			if n, err := strconv.Atoi(strings.TrimSpace(rest)); err == nil {
				c.code = &n
			}
			continue
		}
		if _, err := io.WriteString(c.w, text); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (m *Machine) pack(ctx context.Context, scratch, initrd string) error {
	guest := filepath.Join(scratch, "init")
	build := exec.CommandContext(ctx, "go", "build", "-o", guest, "clipd/build/vm/guest")
	build.Env = append(build.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the guest's init: %w: %s", err, out)
	}
	a, err := createArchive(initrd)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return a.add("/init", guest) },
		func() error { return m.packModules(a) },
		func() error { return m.packPrograms(ctx, a) },
		func() error { return m.packFiles(a) },
		func() error { return a.text("/vm/commands", joined(m.Commands)) },
		func() error { return a.text("/vm/environment", m.Env) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return a.close()
}

// joined makes lines of words with tabs between them.
func joined(commands [][]string) (all []string) {
	for _, words := range commands {
		all = append(all, strings.Join(words, "\t"))
	}
	return all
}

// text writes a file of lines.
func (a *archive) text(name string, lines []string) error {
	s := strings.Join(lines, "\n")
	return a.write(name, regular, int64(len(s)), strings.NewReader(s))
}

func (m *Machine) packModules(a *archive) error {
	files, err := m.Kernel.load(m.Modules)
	if err != nil {
		return err
	}
	var names []string
	for i, path := range files {
		name := fmt.Sprintf("/vm/%02d-%s", i, filepath.Base(path))
		if err := a.add(name, path); err != nil {
			return err
		}
		names = append(names, name)
	}
	return a.text("/vm/modules", names)
}

func (m *Machine) packFiles(a *archive) error {
	for there, here := range m.Files {
		err := filepath.WalkDir(here, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return a.add(there+strings.TrimPrefix(path, here), path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// packPrograms adds programs and the libraries that ld.so(8) would load for them.
func (m *Machine) packPrograms(ctx context.Context, a *archive) error {
	for _, name := range m.Programs {
		path, err := exec.LookPath(name)
		if err != nil {
			return err
		}
		if err := a.add(path, path); err != nil {
			return err
		}
		list, err := output(ctx, "", "ldd", path)
		if err != nil {
			continue // it is linked statically
		}
		for _, word := range strings.Fields(list) {
			if !filepath.IsAbs(word) {
				continue
			}
			if err := a.add(word, word); err != nil {
				return err
			}
		}
	}
	return nil
}
