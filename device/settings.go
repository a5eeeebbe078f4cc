package device

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// The files of what people set over HTTP, beside SettingsFile in the state folder.
const (
	settingsOld   = SettingsFile + ".old"   // what was saved before
	settingsTrial = SettingsFile + ".trial" // waits to be confirmed
)

// trialFor is how long settings that could cut the box off the network wait to be confirmed.
const trialFor = 2 * time.Minute

// Why settings are not confirmed.
var (
	errNoTrial  = api.NewProblem(api.Conflict, "No settings wait to be confirmed", "They were confirmed already, or undone after two minutes.")
	errNotLived = api.NewProblem(api.Busy, "The settings are being put in force", "Ask again in a moment.")
)

// settings are what people set over HTTP, and the configuration they lead to. What is saved is in force from the next
// life on. Until it is confirmed, what is on trial stands in a file of its own that no start of the process reads: a
// crash or a power cut at any moment leaves the box as it was last reached. Safe for concurrent use.
type settings struct {
	log  *slog.Logger
	next chan struct{} // holds one: cfg is another than the one the box lives with

	mu     sync.Mutex
	knows  func(consumer string) bool // of the life that is; nil before the first
	cfg    Config
	trial  time.Time // monotonic: when what is on trial is undone; zero while nothing is
	fresh  bool      // the box has not lived with cfg yet
	undone string    // why the last settings were undone, for people; "" if they were not
}

// openSettings begins with cfg. Settings that were on trial when the process ended are dropped.
func openSettings(cfg Config, log *slog.Logger) (*settings, error) {
	s := &settings{cfg: cfg, log: log, next: make(chan struct{}, 1)}
	trial, _ := os.ReadFile(filepath.Join(cfg.State, settingsTrial)) // what cannot be read goes all the same
	saved, _ := readSettings(cfg.State)
	err := os.Remove(filepath.Join(cfg.State, settingsTrial))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("drop settings that were not confirmed: %w", err)
	case !bytes.Equal(trial, saved): // else they were confirmed, and only the last step of that is missing
		s.undone = "clipd ended before they were confirmed"
		log.Warn("the last settings were undone", "reason", s.undone)
	}
	return s, nil
}

// take is the configuration a life begins with.
func (s *settings) take() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.next:
	default:
	}
	return s.cfg
}

// save lays a JSON merge patch (RFC 7396) over the settings. They are on disk when it returns, and s.next has a value.
// What is wrong with the patch is a *api.Problem that names the keys, and then nothing has changed.
func (s *settings) save(patch []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fresh:
		return api.NewProblem(api.Busy, "Other settings are being put in force", "Ask again in a moment.")
	case !s.trial.IsZero():
		return api.NewProblem(api.Conflict, "Other settings wait to be confirmed", "Confirm them or undo them first.")
	}
	text, secrets, err := s.merged(patch)
	if err != nil {
		return err
	}
	cfg, err := s.cfg.with(text)
	if err == nil {
		err = errors.Join(cfg.checkPorts(&s.cfg), cfg.checkUndelivered(&s.cfg, s.knows))
	}
	if err != nil {
		return settingsProblem(err)
	}
	for name, secret := range secrets {
		if err := store.WriteFile(cfg.State, name, []byte(secret), 0o600); err != nil {
			return err
		}
	}
	return s.keep(text, cfg)
}

// keep writes text, the old text before it, and asks for the next life.
func (s *settings) keep(text []byte, cfg Config) error {
	if mayCutOff(&s.cfg, &cfg) {
		if err := store.WriteFile(cfg.State, settingsTrial, text, 0o600); err != nil {
			return err
		}
		s.trial = time.Now().Add(trialFor)
	} else if err := s.replace(text); err != nil {
		return err
	}
	s.dropSecrets()
	s.begin(cfg)
	s.undone = ""
	return nil
}

// replace writes settings that need not be confirmed, or were.
func (s *settings) replace(text []byte) error {
	old, err := readSettings(s.cfg.State)
	if err != nil {
		return err
	}
	if err := store.WriteFile(s.cfg.State, settingsOld, old, 0o600); err != nil {
		return err
	}
	return store.WriteFile(s.cfg.State, SettingsFile, text, 0o600)
}

// begin asks for a life with cfg.
func (s *settings) begin(cfg Config) {
	s.cfg, s.fresh = cfg, true
	select {
	case s.next <- struct{}{}:
	default:
	}
}

// ask makes knows what tells consumers from names that nobody goes by.
func (s *settings) ask(knows func(consumer string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knows = knows
}

// lives notes that the box works with what it took.
func (s *settings) lives() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = false
}

// confirm keeps what is on trial. errNoTrial, errNotLived: it was not asked by who reached the box with them.
func (s *settings) confirm() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.trial.IsZero():
		return errNoTrial
	case s.fresh:
		return errNotLived
	}
	text, err := os.ReadFile(filepath.Join(s.cfg.State, settingsTrial))
	if err != nil {
		return fmt.Errorf("confirm settings: %w", err)
	}
	if err := s.replace(text); err != nil {
		return err
	}
	s.trial = time.Time{}
	s.log.Info("settings confirmed")
	return os.Remove(filepath.Join(s.cfg.State, settingsTrial))
}

// undo goes back to the settings before those on trial or those the box has not lived with, for a reason told to people.
// It reports whether there were such; s.next then has a value.
func (s *settings) undo(reason string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trial.IsZero() && !s.fresh {
		return false, nil
	}
	text, err := s.before()
	if err != nil {
		return false, err
	}
	cfg, err := s.cfg.with(text)
	if err != nil {
		return false, fmt.Errorf("go back to the settings before: %w", err)
	}
	if err := s.restore(text); err != nil {
		return false, err
	}
	s.trial, s.undone = time.Time{}, reason
	s.log.Warn("the last settings were undone", "reason", reason)
	s.begin(cfg)
	s.fresh = false // there is nothing before these
	return true, nil
}

// before is the text of the settings to go back to.
func (s *settings) before() ([]byte, error) {
	if !s.trial.IsZero() {
		return readSettings(s.cfg.State)
	}
	return os.ReadFile(filepath.Join(s.cfg.State, settingsOld))
}

func (s *settings) restore(text []byte) error {
	if !s.trial.IsZero() {
		return os.Remove(filepath.Join(s.cfg.State, settingsTrial))
	}
	return store.WriteFile(s.cfg.State, SettingsFile, text, 0o600)
}

// reread reads the configuration file again and asks for the next life if anything is different, or if stale says that
// something else is. It reports whether it did.
func (s *settings) reread(stale bool) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.trial.IsZero() {
		return false, errors.New("settings wait to be confirmed; ask again afterwards")
	}
	text, err := readSettings(s.cfg.State)
	if err != nil {
		return false, err
	}
	cfg, err := s.cfg.with(text)
	if err != nil || !stale && cfg.same(&s.cfg) {
		return false, err
	}
	s.begin(cfg)
	s.fresh = false // a file that cannot work is for its writer to mend
	return true, nil
}

// same reports whether two configurations say the same, wherever their values stand.
func (c Config) same(d *Config) bool {
	e := *d
	c.Sources, c.piped, e.Sources, e.piped = nil, nil, nil, nil
	return reflect.DeepEqual(c, e)
}

// left is how long what is on trial may still be confirmed, 0 if nothing is.
func (s *settings) left() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trial.IsZero() {
		return 0
	}
	return max(time.Until(s.trial), 1)
}

func (s *settings) whyUndone() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.undone
}

// confirmSettings keeps what is on trial, or undoes it at once.
func (b *box) confirmSettings(keep bool) error {
	if judged, err := b.wishes.judge(keep); judged {
		return err
	}
	if keep {
		return b.settings.confirm()
	}
	undone, err := b.settings.undo("somebody undid them")
	if err == nil && !undone {
		return errNoTrial
	}
	return err
}
