// Command clipd is the daemon: it reads flags, makes the logger, turns signals into a context and the outcome into an
// exit code. Everything else is in clipd/device.
//
// Exit codes: 0 after an orderly stop; 1 when something failed (systemd starts it again); 2 when the command line or
// the configuration is wrong (starting again would not help).
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"clipd/device"
	"clipd/store"
)

// version is set by the linker.
var version = "dev"

// system is before the paths of the system around the box; the linker sets another for tests of the image's settings.
var system = "/"

const (
	exitFailed = 1
	exitUsage  = 2
)

type options struct {
	device.Flags
	checkConfig, check, repair, version bool
	depth, addToken                     string
}

func main() {
	if ran, code := store.ServeVerify(); ran {
		os.Exit(code)
	}
	os.Exit(run(parse()))
}

func parse() (o options) {
	flag.StringVar(&o.Config, "config", "", "read the configuration from `FILE` (- is standard input, with -check-config)")
	flag.StringVar(&o.Dir, "dir", "", "keep everything below `DIR`: recordings and state; without -config and -dir that is ./var")
	flag.StringVar(&o.Listen, "listen", "", "serve HTTP on `ADDR`, such as :8470")
	flag.StringVar(&o.Broker, "broker", "", "announce to the broker at `URL`, or embedded, or none")
	flag.BoolVar(&o.checkConfig, "check-config", false, "check the configuration and try the recordings folder; exit 2 on errors")
	flag.BoolVar(&o.check, "check", false, "check the catalogue of a stopped box; exit non-zero on any difference")
	flag.StringVar(&o.depth, "depth", "stat", "how deep -check looks: rows, stat or hash")
	flag.BoolVar(&o.repair, "repair", false, "with -check: mend what can be mended, say what was done, and check again")
	flag.StringVar(&o.addToken, "add-token", "", "make a token for `NAME=ROLE` (viewer, operator or admin) and print it")
	flag.BoolVar(&o.version, "version", false, "print the version")
	flag.Parse()
	return o
}

func run(o options) int {
	if o.version {
		fmt.Println("clipd", version)
		return 0
	}
	if flag.NArg() > 0 {
		return fail(exitUsage, fmt.Errorf("clipd takes no arguments, only flags; what is %q?", flag.Arg(0)))
	}
	cfg, err := device.Load(o.Flags, os.Stdin)
	if err != nil {
		return fail(exitUsage, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch {
	case o.checkConfig:
		err = device.CheckConfig(cfg, os.Stdout)
		return fail(exitUsage, err)
	case o.check || o.repair:
		err = device.Check(ctx, cfg, o.depth, o.repair, os.Stdout)
	case o.addToken != "":
		err = device.AddToken(cfg, o.addToken, os.Stdout, isTerminal(os.Stdout))
	default:
		err = serve(ctx, cfg)
	}
	return fail(exitFailed, err)
}

func serve(ctx context.Context, cfg device.Config) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	tail := &device.Tail{}
	log := slog.New(slog.NewTextHandler(io.MultiWriter(os.Stderr, tail), nil))
	return device.Run(ctx, cfg, device.Process{Version: version, Log: log, Tail: tail, Reload: hangup, System: system})
}

func fail(code int, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "clipd:", err)
	return code
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
