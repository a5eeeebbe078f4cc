// Command clipd-launch starts clipd on an image whose root is read-only: the packaged program, or a newer one that
// clipctl update brought into the versions folder on the data partition. It is ExecStart of clipd.service there, runs as
// clipd's user under clipd's hardening, and becomes clipd (execve), so that systemd sees one process.
//
//	clipd-launch [-versions DIR] [-key FILE] [-packaged FILE] [-within 1m] -- ARGUMENT...
//
// The arguments are clipd's. Which version starts is decided, and verified at every start, by clipd/device/update. A
// version on trial has a second process beside it that ends it if it is not ready and healthy in time (watch.go); systemd
// then starts the launcher again, and the previous version runs.
//
// It may touch the versions folder. Whatever goes wrong, the packaged program starts; it ends with 1 only if that cannot.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"clipd/device/update"
)

// version and built, the Unix seconds of the commit, are the packaged program's and set by the linker.
var version, built = "dev", "0"

type launcher struct {
	versions, key, packaged string
	within                  time.Duration
	watch                   string // how far the second process has come
	folder                  string
}

func main() {
	var l launcher
	flag.StringVar(&l.versions, "versions", "/var/lib/clipd/versions", "`DIR` that holds the versions")
	flag.StringVar(&l.key, "key", update.KeyFile, "`FILE` with the public keys of who may sign one")
	flag.StringVar(&l.packaged, "packaged", "/usr/bin/clipd", "the `PROGRAM` of last resort")
	flag.DurationVar(&l.within, "within", time.Minute, "how long a new version has to become ready and healthy")
	flag.StringVar(&l.watch, "watch", "", "used by clipd-launch itself")
	flag.StringVar(&l.folder, "folder", "", "used by clipd-launch itself")
	flag.Parse()
	if l.watch != "" {
		say(l.watchOver())
		return
	}
	say(l.launch(flag.Args()))
	say(become(l.packaged, flag.Args(), os.Environ()))
	os.Exit(1)
}

// launch becomes the version that is to run. It returns why it could not.
func (l *launcher) launch(args []string) error {
	v, err := l.open()
	if err != nil {
		return err
	}
	for {
		s := v.Start(boot())
		for _, line := range s.Said {
			say(errors.New(line))
		}
		environment, err := v.Environment(s.Folder)
		if err != nil {
			return err
		}
		if s.Folder == "" {
			return become(l.packaged, args, append(os.Environ(), environment))
		}
		if s.Trial {
			fmt.Fprintf(os.Stderr, "clipd-launch: version %s is on trial\n", s.Version)
			say(l.startWatch(s.Folder))
		}
		err = become(s.Program, args, append(os.Environ(), environment))
		say(err)
		if failed, _ := v.Fail(s.Folder, err.Error()); !failed {
			return nil
		}
	}
}

func (l *launcher) open() (*update.Versions, error) {
	since, err := strconv.ParseInt(built, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("when this program was built: %w", err)
	}
	return update.Open(update.Config{Dir: l.versions, KeyFile: l.key, Packaged: version, Built: since})
}

// become runs program in place of this one. It returns only an error.
func become(program string, args, environment []string) error {
	err := syscall.Exec(program, append([]string{"clipd"}, args...), environment)
	return fmt.Errorf("execve of %s: %w", program, err)
}

// boot is the id of this boot of the board, "" if the kernel does not tell.
func boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

func say(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "clipd-launch:", err)
	}
}
