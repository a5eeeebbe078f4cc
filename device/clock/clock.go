// Package clock tells the time and how far it may be trusted: a board without a clock battery starts in the past.
// Everything that needs wall time takes a Clock, so that tests set it. Timers do not: they are monotonic.
package clock

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Clock is the board's wall clock. The zero Clock is not usable; its fields may be replaced in tests before use.
// Safe for concurrent use.
type Clock struct {
	Now    func() time.Time
	Synced func() bool          // whether wall time is trusted
	Boot   string               // id of this boot of the board
	Uptime func() time.Duration // since that boot, suspended time included
}

// System is the board's own clock.
func System() Clock {
	return Clock{Now: time.Now, Synced: synced, Boot: bootID(), Uptime: uptime}
}

// synced asks systemd-timesyncd first: ProtectClock= hides adjtimex(2) from a hardened service.
func synced() bool {
	if _, err := os.Stat("/run/systemd/timesync/synchronized"); err == nil {
		return true
	}
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

func uptime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
