package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kernelPackage depends on Debian's newest kernel for virtual machines.
const kernelPackage = "linux-image-cloud-amd64"

// Kernel is an unpacked kernel of Debian's.
type Kernel struct {
	Image   string            // path of the compressed kernel
	Release string            // as uname(1) says it
	modules map[string]string // path of each, by name
}

// OpenKernel returns the kernel below dir, which it downloads there unless there is one.
func OpenKernel(ctx context.Context, dir string) (*Kernel, error) {
	images, _ := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if len(images) == 0 {
		if err := download(ctx, dir); err != nil {
			return nil, fmt.Errorf("get a kernel: %w", err)
		}
		images, _ = filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("get a kernel: there is none in %s", kernelPackage)
	}
	k := &Kernel{Image: images[0], modules: map[string]string{}}
	_, k.Release, _ = strings.Cut(filepath.Base(k.Image), "-")
	return k, filepath.WalkDir(filepath.Join(dir, "lib", "modules"), func(path string, _ os.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok {
			k.modules[moduleName(name)] = path
		}
		return err
	})
}

// download unpacks the kernel beside dir first, so that dir is there in full or not at all.
func download(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), "kernel-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	out, err := output(ctx, part, "apt-cache", "depends", kernelPackage)
	if err != nil {
		return err
	}
	_, name, _ := strings.Cut(out, "Depends: ")
	name, _, _ = strings.Cut(name, "\n")
	if _, err := output(ctx, part, "apt-get", "download", name); err != nil {
		return err
	}
	packages, _ := filepath.Glob(filepath.Join(part, "*.deb"))
	if len(packages) != 1 {
		return fmt.Errorf("apt-get download %s left %d files", name, len(packages))
	}
	if _, err := output(ctx, part, "dpkg-deb", "-x", filepath.Base(packages[0]), "root"); err != nil {
		return err
	}
	return os.Rename(filepath.Join(part, "root"), dir)
}

// output runs a program in dir and returns what it prints.
func output(ctx context.Context, dir string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return string(out), nil
}
