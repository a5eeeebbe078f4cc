package announce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// contestedAfter is how many sessions in a row the broker must end soon after it accepted them.
const contestedAfter = 3

// judge turns what ended a session, or kept one from starting, into a problem where people can do something about it.
// early: the session was established and short.
func (a *Announcer) judge(err error, early bool) {
	if early && hungUp(err) {
		a.early++
	} else {
		a.early = 0
	}
	text := ""
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		text = fmt.Sprintf("The MQTT broker %s refused the user name or password: set mqtt.username and mqtt.password_file.", a.address())
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		text = fmt.Sprintf("The MQTT broker %s refused the client id clipd-%s: allow it there.", a.address(), a.cfg.Box)
	case errors.Is(err, errPassword):
		text = "The MQTT password cannot be read: " + err.Error() + ". Mend mqtt.password_file."
	case a.early >= contestedAfter:
		text = fmt.Sprintf("The MQTT broker %s keeps ending the session: another client seems to use the client id clipd-%s. "+
			"Is a copy of this box's card running?", a.address(), a.cfg.Box)
	case a.early > 0:
		return // not yet sure
	}
	a.tellProblem(text)
}

// hungUp reports whether the other side closed the connection.
func hungUp(err error) bool {
	for _, e := range []error{errDisconnected, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// accepted forgets what an accepted CONNACK disproves.
func (a *Announcer) accepted() {
	if a.early < contestedAfter {
		a.tellProblem("")
	}
}

// undisputed is called when a session has lasted.
func (a *Announcer) undisputed() {
	a.early = 0
	a.tellProblem("")
}

// tellProblem tells the problem if it is another than the one told last.
func (a *Announcer) tellProblem(problem string) {
	a.mu.Lock()
	changed := a.problem != problem
	a.problem = problem
	a.mu.Unlock()
	if changed {
		a.cfg.Problem(problem)
	}
}

// begun notes an established session.
func (a *Announcer) begun() {
	a.mu.Lock()
	a.connected, a.lastError = true, ""
	a.mu.Unlock()
	a.accepted()
	a.cfg.Log.Info("session with the broker", "broker", a.address())
}

// ended notes the end of a session or of the attempt at one; it is logged when it is another than the last time.
func (a *Announcer) ended(err error) {
	a.mu.Lock()
	was, last := a.connected, a.lastError
	a.connected = false
	if err != nil {
		a.lastError = err.Error()
	}
	a.mu.Unlock()
	switch {
	case err == nil && was:
		a.cfg.Log.Info("session with the broker ended")
	case err != nil && !errors.Is(err, context.Canceled) && (was || last != err.Error()):
		a.cfg.Log.Warn("no session with the broker", "broker", a.address(), "error", err)
	}
}
