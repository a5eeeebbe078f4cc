// Command clipd-boot is run as root at every boot of a board, by systemd, around the box itself.
//
//	clipd-boot take  before clipd: what people put on the boot partition comes into place (take.go, apply.go)
//	clipd-boot log   after clipd: clipd.log on the boot partition says how to reach the box (log.go, signin.go)
//	clipd-boot apply when clipd asks: recorder and Wi-Fi are set as an admin wants them (grant.go, trial.go, recorder.go)
//
// The boot partition is FAT, which every computer reads: it is how people talk to a board without a screen. It is also
// where nothing secret may stay. clipd-boot writes there, below /etc, and into the box's state folder as the user that
// owns it, of which it believes nothing unchecked; it never touches a recording. The configuration is judged by clipd itself (-check-config).
//
// Exit codes: 0 done, also when what people wrote is wrong (the log says so); 1 when something of the system failed; 2
// when the command line is wrong.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

// version is set by the linker.
var version = "dev"

const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	b := newBoot()
	flag.StringVar(&b.again, "again", "", "keep host name, time zone and Wi-Fi country in `DIR` and set them at every boot, for a system whose /etc forgets")
	flag.StringVar(&b.root, "root", b.root, "the system is below `DIR`; for tests")
	flag.DurationVar(&b.within, "within", b.within, "`TIME` that another Wi-Fi has to be confirmed")
	flag.Parse()
	os.Exit(run(b, flag.Args()))
}

func run(b *boot, args []string) int {
	work := map[string]func() error{"take": b.take, "log": b.log, "apply": b.grant}
	if len(args) != 1 || work[args[0]] == nil {
		fmt.Fprintln(os.Stderr, "usage: clipd-boot [-again DIR] [-root DIR] [-within TIME] take|log|apply")
		return exitUsage
	}
	err := work[args[0]]()
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "clipd-boot:", err)
	if errors.Is(err, errWritten) {
		return 0
	}
	return exitFailed
}
