package retain

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// An age pass that would delete more than both of these asks first.
const (
	askClips = 200
	askPart  = 5 // one clip of so many
	// askAgain is how often what is asked is counted anew.
	askAgain = time.Hour
)

// ErrNotAsked is returned by Confirm for a token of nothing that is asked now.
var ErrNotAsked = errors.New("nothing is asked that this token confirms")

// What made so many clips due, as the page tells it.
const (
	reasonAge     = "age"
	reasonClock   = "clock"
	reasonSetting = "setting"
)

// ask is a question that waits for a person.
type ask struct {
	at     time.Time // what is due then goes when it is confirmed
	token  string
	reason string
	count
	text  string
	asked time.Time // monotonic
}

// memory is what outlives the process: what was confirmed, and by which clock.
type memory struct {
	Rules     string    `json:"rules"`               // print of the rules about age that the last pass went by
	Confirmed time.Time `json:"confirmed,omitzero"`  // what was due then may go
	Boot      string    `json:"boot,omitempty"`      // of Base
	Base      time.Time `json:"boot_began,omitzero"` // by the trusted clock
}

// recall reads what an earlier run kept. Where it cannot be read, more is asked, and nothing more deleted.
func (r *Retainer) recall() {
	if r.Load == nil {
		return
	}
	text, err := r.Load()
	m := &r.keep.memory
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, m)
	}
	if err != nil {
		r.Log.Warn("what was confirmed for retention could not be read; it is asked again", "error", err)
		*m = memory{}
	}
	if m.Boot == r.Clock.Boot {
		r.keep.time.base = m.Base
	}
}

// clock notes by which clock this boot began. What is less than a jump is its drift, and not worth a write.
func (m *memory) clock(k *timekeeper) {
	if m.Boot != k.clock.Boot || m.Base.Sub(k.base).Abs() > jump/2 {
		m.Boot, m.Base = k.clock.Boot, k.base.UTC().Round(time.Second)
	}
}

// remember keeps m if it says anything new.
func (r *Retainer) remember(m memory) {
	if m == r.keep.memory {
		return
	}
	r.keep.memory = m
	if r.Keep == nil {
		return
	}
	text, err := json.Marshal(m)
	if err == nil {
		err = r.Keep(append(text, '\n'))
	}
	if err != nil {
		r.Log.Error("what was confirmed for retention could not be kept; it may be asked again", "error", err)
	}
}

// allowed returns the instant whose due clips may go now, zero if a person is asked first.
func (r *Retainer) allowed() (time.Time, error) {
	k := &r.keep
	m := k.memory
	m.clock(&k.time)
	if m.Rules == r.Rules.print() && !m.Confirmed.IsZero() && !m.Confirmed.After(k.now.now) {
		at := m.Confirmed
		m.Confirmed = time.Time{}
		left, err := r.overdue(at, 1)
		if err != nil || left.clips > 0 {
			return at, err
		}
	}
	asks, err := r.mustAsk()
	if err != nil || asks {
		return time.Time{}, err
	}
	m.Rules = r.Rules.print()
	r.remember(m)
	return k.now.now, nil
}

// why is what would be asked about now.
func (r *Retainer) why() string {
	k := &r.keep
	switch {
	case k.now.ahead > 0:
		return reasonClock
	case k.memory.Rules != "" && k.memory.Rules != r.Rules.print():
		return reasonSetting
	}
	return reasonAge
}

// mustAsk counts what would go, and asks if it is too much. What is due only by a clock that has jumped is asked about
// however little it is, and does not hold back what is due without the jump.
func (r *Retainer) mustAsk() (bool, error) {
	k := &r.keep
	asked := k.ask != nil && time.Since(k.ask.asked) < askAgain && k.ask.reason == r.why()
	if asked && k.ask.reason != reasonClock {
		return true, nil
	}
	totals, err := r.Store.Totals()
	if err != nil {
		return false, err
	}
	most := max(askClips, totals.Clips/askPart)
	n, err := r.overdue(k.now.now, most)
	switch {
	case err != nil || asked:
		return n.clips > most, err
	case n.clips > most:
		return true, r.question(k.now.now)
	case k.now.ahead == 0:
		r.settle()
		return false, nil
	}
	return false, r.askAboutJump(n.clips)
}

// askAboutJump asks if the clock's jump makes more than n clips due.
func (r *Retainer) askAboutJump(n int) error {
	at := r.keep.now.now.Add(r.keep.now.ahead)
	jumped, err := r.overdue(at, n)
	switch {
	case err != nil:
		return err
	case jumped.clips > n:
		return r.question(at)
	}
	r.settle()
	return nil
}

// question asks a person about what is due at the instant.
func (r *Retainer) question(at time.Time) error {
	n, err := r.overdue(at, 0)
	if err != nil {
		return err
	}
	k := &r.keep
	a := &ask{at: at, token: rand.Text(), reason: r.why(), count: n, asked: time.Now()}
	older := "older than keep.age and the ages of keep.class allow"
	if len(r.Rules.ages()) == 0 {
		older = "older than " + length(r.Rules.Age)
	}
	a.text = fmt.Sprintf("%d clips (%s) are %s%s: confirm that they go, or change keep.age", n.clips, bytesText(n.bytes), older, r.because(a.reason))
	if k.ask != nil && k.ask.text == a.text && k.ask.reason == a.reason {
		k.ask.asked = a.asked // the same question: a page that shows it stays good
		return nil
	}
	k.ask = a
	r.Problem(keyAsk, a.text)
	return nil
}

func (r *Retainer) because(reason string) string {
	switch reason {
	case reasonClock:
		return fmt.Sprintf(", if the clock is right, which jumped ahead by %s", r.keep.now.ahead.Round(time.Hour))
	case reasonSetting:
		return " since keep was changed"
	}
	return ""
}

const keyAsk = "retention"

// settle withdraws what is asked.
func (r *Retainer) settle() {
	if r.keep.ask != nil {
		r.keep.ask = nil
		r.Problem(keyAsk, "")
	}
}

// Asked is the question that waits for a person and the token that confirms it; both "" if there is none.
func (r *Retainer) Asked() (text, token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keep.ask == nil {
		return "", ""
	}
	return r.keep.ask.text, r.keep.ask.token
}

// Confirm lets the clips go that were asked about under token. ErrNotAsked for any other.
func (r *Retainer) Confirm(_ context.Context, token string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := &r.keep
	if k.ask == nil || subtle.ConstantTimeCompare([]byte(token), []byte(k.ask.token)) != 1 {
		return ErrNotAsked
	}
	r.Log.Info("confirmed: retention deletes", "clips", k.ask.clips, "bytes", k.ask.bytes, "reason", k.ask.reason)
	if k.ask.reason == reasonClock {
		k.time.accept()
	}
	m := k.memory
	m.Rules, m.Confirmed = r.Rules.print(), k.ask.at
	m.clock(&k.time)
	r.remember(m)
	r.settle()
	k.nextAge = time.Time{}
	r.Poke()
	return nil
}

// bytesText is a size for people.
func bytesText(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1000, 0
	for ; f >= 999.5 && i < len(units)-1; i++ {
		f /= 1000
	}
	return fmt.Sprintf("%.3g %cB", f, units[i])
}
