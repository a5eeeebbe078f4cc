package device

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd (sd_notify(3)) how the box is. Without systemd it does nothing.
type notify struct{ log *slog.Logger }

func (n notify) say(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		n.log.Warn("systemd could not be told", "state", state, "error", err)
	}
}

// watchdog pings systemd at a third of WatchdogSec while every part makes progress, until ctx is done. A part that is
// stuck is named in the log once; systemd then restarts the box.
func (n notify) watchdog(ctx context.Context, stuck func() string) error {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(every / 3)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		part := stuck()
		if part == "" {
			n.say(daemon.SdNotifyWatchdog)
		} else if part != said {
			n.log.Error("a part makes no progress; systemd will restart the box", "part", part)
		}
		said = part
	}
}
