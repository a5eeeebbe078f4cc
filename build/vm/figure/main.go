// Command figure measures HTTPS in an emulated computer whose kernel makes TLS records: what a gigabyte costs the server's
// processor, and what a client costs its memory. It prints a Markdown table. The program load does the work there.
//
//	make vm-bench
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"clipd/build/vm"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "figure:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	clipd := flag.String("clipd", "bin/clipd", "the `PROGRAM` to measure")
	kernel := flag.String("kernel", "bin/vm/kernel", "`DIR` of the kernel, which is downloaded if it is not there")
	mb := flag.String("mb", "64", "megabytes in each download")
	rounds := flag.String("rounds", "3", "downloads of each kind")
	clients := flag.String("clients", "1000", "at once, for the memory")
	flag.Parse()
	k, err := vm.OpenKernel(ctx, *kernel)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "vm-figure-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	load := filepath.Join(scratch, "load")
	build := exec.CommandContext(ctx, "go", "build", "-o", load, "clipd/build/vm/figure/load")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build load: %w: %s", err, out)
	}
	m := vm.Machine{
		Kernel: k, Memory: 2048,
		// The module tls itself is loaded by load, halfway.
		Modules: []string{"gcm", "ctr", "aesni-intel", "ghash-clmulni-intel", "chacha20poly1305", "chacha-x86_64", "poly1305-x86_64"},
		Files: map[string]string{
			"/load": load, "/clipd": *clipd, "/tls.ko": k.Module("tls"), "/sample.mp4": "build/sample/sample.mp4",
			"/etc/passwd": "/etc/passwd", "/etc/group": "/etc/group",
		},
		Programs: []string{"nginx"},
		Commands: [][]string{{"/load", "-mb", *mb, "-rounds", *rounds, "-clients", *clients}},
	}
	code, err := m.Run(ctx, scratch, os.Stdout)
	if err == nil && code != 0 {
		err = fmt.Errorf("load ended with %d", code)
	}
	return err
}
