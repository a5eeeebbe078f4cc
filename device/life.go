package device

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Process is what the program around the box gives it.
type Process struct {
	Version string
	Log     *slog.Logger
	Tail    *Tail            // of Log, told to admins; nil: none
	Reload  <-chan os.Signal // SIGHUP; nil: never
	System  string           // before the paths of the system around the box; "" on a board
}

// errAgain ends a life that is followed by another.
var errAgain = errors.New("the settings have changed")

// lives are what outlasts one life of the box.
type lives struct {
	Process
	settings  *settings
	wishes    *wishes
	ports     *ports
	updates   *updates
	transfers transfers
	count     int
}

// Run is the box until ctx is done and everything has stopped in order: then it returns nil, else the first failure. It
// is a row of lives: settings that change while it runs end one and begin the next, with the same listening sockets. It
// also returns nil once another version of the program was chosen, which whoever started this one is to start.
func Run(ctx context.Context, cfg Config, p Process) error {
	limitMemory()
	go keepProgramSmall(ctx)
	s, err := openSettings(cfg, p.Log)
	if err != nil {
		return err
	}
	l := &lives{Process: p, settings: s, wishes: openWishes(cfg.State, p.System, p.Log), ports: &ports{held: map[string]heldPort{}}, updates: openUpdates(p.Log)}
	defer l.ports.close()
	defer l.transfers.finish(ctx)
	for {
		err := l.live(ctx)
		if errors.Is(err, errUpdated) {
			return nil
		}
		if !errors.Is(err, errAgain) {
			return err
		}
		l.count++
	}
}

// live is one life; it returns errAgain when another should follow.
func (l *lives) live(ctx context.Context) error {
	b, err := l.begin(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	n := notify{l.Log}
	n.say(daemon.SdNotifyWatchdog)
	t := b.startTasks(n, l.Reload)
	l.settings.lives()
	b.sayReady(ctx, n)
	if l.count == 0 {
		b.saySignIn()
	}
	err = t.end(ctx)
	l.sayEnd(n, err)
	b.noteEnd(err)
	if errors.Is(err, errAgain) {
		l.transfers.leave(ctx, b.httpd)
	}
	if err = t.stop(err); !errors.Is(err, errAgain) {
		l.Log.Info("stopped")
	}
	return err
}

// begin builds the box. Settings it cannot be built with are undone, if they are new.
func (l *lives) begin(ctx context.Context) (*box, error) {
	cfg := l.settings.take()
	b, err := build(ctx, cfg, l)
	if err == nil {
		if err = b.noteURL(); err == nil {
			return b, nil
		}
		b.close()
	}
	if ctx.Err() != nil {
		return nil, err
	}
	undone, undoErr := l.settings.undo("the box could not start with them: " + err.Error())
	if undone {
		return nil, errAgain
	}
	return nil, errors.Join(err, undoErr)
}

// sayEnd tells systemd why a life ends, before it does.
func (l *lives) sayEnd(n notify, err error) {
	if !errors.Is(err, errAgain) {
		n.say(daemon.SdNotifyStopping)
		return
	}
	l.Log.Info("the settings have changed; starting over with them")
	n.say(daemon.SdNotifyReloading)
	n.say(daemon.SdNotifyWatchdog) // none is sent before the next life's
}

// watchSettings ends the life when other settings are to be lived with, which unconfirmed ones bring about by themselves.
func (b *box) watchSettings(ctx context.Context) error {
	for {
		var undo <-chan time.Time
		if left := b.settings.left(); left > 0 {
			undo = time.After(left)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-b.settings.next:
			return errAgain
		case <-undo:
		}
		if _, err := b.settings.undo("nobody confirmed them within two minutes"); err != nil {
			return err
		}
	}
}
