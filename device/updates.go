package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"clipd/device/api"
	"clipd/device/update"
)

// A version is healthy that answers so many times in a row, so far apart. A part that fails ends the process before that.
const (
	healthyTimes = 5
	healthyEvery = time.Second
	answersIn    = 5 * time.Second
)

const partUpdate = "update"

// errUpdated ends the process in order, so that another version of it starts.
var errUpdated = errors.New("another version was chosen")

// updates takes bundles and tells how they went. Where the launcher did not start this process, as under a Debian that apt
// keeps up to date, versions is nil: nothing is taken.
type updates struct {
	versions *update.Versions
	log      *slog.Logger
	taken    chan struct{} // holds one: a version was chosen
}

func openUpdates(log *slog.Logger) *updates {
	versions, err := update.Launched()
	if err != nil {
		log.Error("this box cannot be updated over HTTP", "error", err)
	}
	return &updates{versions, log, make(chan struct{}, 1)}
}

// take reads a bundle; the process ends in order soon after it returns nil. Errors are for the client.
func (u *updates) take(r io.Reader, older bool) (api.Update, error) {
	if u.versions == nil {
		return api.Update{}, api.NewProblem(api.Conflict, "apt is the update on this system",
			"Bundles are for a card image that was built with a key. Here: apt install ./clipd_VERSION_ARCH.deb")
	}
	m, err := u.versions.Take(r, older)
	if err != nil {
		u.log.Warn("a bundle was not taken", "error", err)
		return api.Update{}, updateProblem(err)
	}
	from := u.status().Running
	u.log.Info("a new version was taken and is started", "version", m.Version, "from", from)
	wake(u.taken)
	return api.Update{From: from, Version: m.Version}, nil
}

// updateProblem is err for the client. What is no verdict on the bundle is the connection's or the disk's.
func updateProblem(err error) error {
	switch {
	case errors.Is(err, update.ErrRefused):
		return api.NewProblem(api.Invalid, "The bundle is refused", sentence(err, update.ErrRefused))
	case errors.Is(err, update.ErrOlder):
		return api.NewProblem(api.Conflict, "The bundle is older than the version that runs",
			sentence(err, update.ErrOlder)+" To go back on purpose: clipctl update --downgrade.")
	case errors.Is(err, update.ErrBusy):
		return api.NewProblem(api.Conflict, "Another update is under way or on trial", "Try again in two minutes; the status says how it went.")
	case errors.Is(err, update.ErrSpace):
		return api.NewProblem(api.StorageTrouble, "There is not enough space for the new version", sentence(err, update.ErrSpace))
	}
	return err
}

// sentence is what err says beside which, for people.
func sentence(err, which error) string {
	text := strings.TrimLeft(strings.TrimPrefix(err.Error(), which.Error()), ":, ")
	return strings.ToUpper(text[:min(1, len(text))]) + text[min(1, len(text)):] + "."
}

// status is what /api/v1/status says; nil where no bundle is taken.
func (u *updates) status() *api.UpdateStatus {
	if u.versions == nil {
		return nil
	}
	s, err := u.versions.Status()
	if err != nil {
		u.log.Error("the versions could not be looked at", "error", err)
	}
	told := &api.UpdateStatus{Running: s.Running, Previous: s.Previous, Packaged: s.Packaged, Trial: s.Trial}
	if s.Failed != nil {
		told.Failed = &api.UpdateFailed{Version: s.Failed.Version, Reason: s.Failed.Reason}
	}
	return told
}

// problem says what was rolled back, "" if nothing was.
func (u *updates) problem() string {
	s := u.status()
	if s == nil || s.Failed == nil {
		return ""
	}
	return fmt.Sprintf("the update to %s was rolled back: %s. %s runs. Another bundle that is taken ends this message",
		s.Failed.Version, s.Failed.Reason, s.Running)
}

// watchUpdates keeps the version that runs once it is ready and healthy, and ends the life when another was chosen.
func (b *box) watchUpdates(ctx context.Context) error {
	b.problems.set(partUpdate, b.updates.problem())
	if b.updates.versions != nil && b.provesHealthy(ctx) {
		proved, err := b.updates.versions.Keep()
		if err != nil {
			b.log.Error("that this version is healthy could not be noted", "error", err)
		}
		if proved {
			b.log.Info("the new version is ready and healthy; it is kept", "version", b.version)
		}
	}
	select {
	case <-ctx.Done():
		return nil
	case <-b.updates.taken:
		return errUpdated
	}
}

// provesHealthy blocks until the box is, or until ctx is done.
func (b *box) provesHealthy(ctx context.Context) bool {
	tick := time.NewTicker(healthyEvery)
	defer tick.Stop()
	for times := 0; times < healthyTimes; {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		if times++; !b.healthy(ctx) {
			times = 0
		}
	}
	return true
}

// healthy asks the box as a client does, and its parts.
func (b *box) healthy(ctx context.Context) bool {
	return b.isReady() && b.store.Alive(patience) && time.Since(b.ingest.Beat()) < patience && answers(ctx, b.listener.Addr())
}

// answers tells whether the box at addr says that it is ready.
func answers(ctx context.Context, addr net.Addr) bool {
	ctx, cancel := context.WithTimeout(ctx, answersIn)
	defer cancel()
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return false
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
