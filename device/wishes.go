package device

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"clipd/device/api"
	"clipd/device/wish"
	"clipd/store"
)

// grantWithin is how long the system may take for a wish or for undoing it, joining a network included.
const grantWithin = 90 * time.Second

const notGranted = "the system did not take them; on the box, systemctl status clipd-apply.path says more"

// wishes are what people set over HTTP of the system around the box: recorder and Wi-Fi. clipd writes down what is wished
// and reads what came of it (package wish); it changes nothing itself. nil where the system is not ours to change.
// Safe for concurrent use.
type wishes struct {
	state  string // the state folder
	system string // before the paths of the system
	log    *slog.Logger

	mu    sync.Mutex
	asked time.Time // monotonic: when the wish that waits was written, or found
	past  string    // the answer, by its text, that newer settings made old news
}

// openWishes returns nil where system holds no image.
func openWishes(state, system string, log *slog.Logger) *wishes {
	if _, err := os.Stat(filepath.Join(system, wish.Marker)); err != nil {
		return nil
	}
	return &wishes{state: state, system: system, log: log, asked: time.Now()}
}

// standing is how the last wish stands.
type standing struct {
	pending bool          // the system is at it
	id      string        // of what is on trial
	left    time.Duration // of the trial; 0: none
	failed  string        // why it is not in force, "" if it is
	wifi    wish.Network
}

func (w *wishes) stands() standing {
	a, text := w.answer()
	s := standing{wifi: a.Wifi, id: a.ID}
	left := time.Duration(a.Until*float64(time.Second)) - sinceBoot()
	switch {
	case w.waits() && time.Since(w.asked) < grantWithin:
		s.pending = true
	case w.waits():
		s.failed = notGranted
	case a.State == wish.OnTrial && left > 0:
		s.left = left
	case a.State == wish.OnTrial && left > -grantWithin:
		s.pending = true
	case a.State == wish.OnTrial:
		s.failed = notGranted
	case a.State != wish.Done && text != w.past:
		s.failed = a.Problem
	}
	return s
}

// waits reports whether a wish has not been taken yet.
func (w *wishes) waits() bool {
	_, err := os.Lstat(filepath.Join(w.state, wish.File))
	return err == nil
}

func (w *wishes) answer() (a wish.Answer, text string) {
	b, err := os.ReadFile(filepath.Join(w.state, wish.AnswerFile))
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.log.Error("what the system answered cannot be read", "error", err)
	}
	return a, string(b)
}

// sinceBoot counts sleep, as the time in an answer does.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// free is a problem while something waits or is on trial.
func (w *wishes) free() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stands().free()
}

func (s standing) free() error {
	switch {
	case s.pending:
		return api.NewProblem(api.Busy, "Other settings are being put in force", "Ask again in a moment.")
	case s.left > 0:
		return api.NewProblem(api.Conflict, "Other settings wait to be confirmed", "Confirm them or undo them first.")
	}
	return nil
}

// save writes down what a merge patch of recorder and wifi wishes. What is wrong with it is a *api.Problem that names the
// keys, and then nothing is wished.
func (w *wishes) save(patch map[string]any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stands()
	if err := s.free(); err != nil {
		return err
	}
	wanted, err := w.wanted(patch, s.wifi)
	if err != nil {
		return settingsProblem(err)
	}
	wanted.ID = rand.Text()
	return w.write(wanted)
}

func (w *wishes) write(wanted wish.Wish) error {
	text, err := json.Marshal(wanted)
	if err != nil {
		return err
	}
	if err := store.WriteFile(w.state, wish.File, text, 0o600); err != nil {
		return fmt.Errorf("ask the system: %w", err)
	}
	w.asked = time.Now()
	return nil
}

// judge gives the verdict on what is on trial, and reports whether there is such.
func (w *wishes) judge(keep bool) (bool, error) {
	if w == nil {
		return false, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stands()
	if s.left == 0 {
		return false, nil
	}
	verdict := wish.Undo
	if keep {
		verdict = wish.Keep
	}
	return true, w.write(wish.Wish{ID: s.id, Verdict: verdict})
}

// forget makes why the last wish failed old news.
func (w *wishes) forget() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, w.past = w.answer()
}

// saveSettings takes a patch of what the box goes by, or one of the system around it.
func (b *box) saveSettings(patch []byte) error {
	object, err := decodeObject(patch)
	if err != nil {
		return err
	}
	_, recorder := object["recorder"]
	_, wifi := object["wifi"]
	if b.wishes == nil || !recorder && !wifi {
		if err := b.wishes.free(); err != nil {
			return err
		}
		err := b.settings.save(patch)
		if err == nil {
			b.wishes.forget()
		}
		return err
	}
	if b.settings.left() > 0 {
		return api.NewProblem(api.Conflict, "Other settings wait to be confirmed", "Confirm them or undo them first.")
	}
	return b.wishes.save(object)
}
