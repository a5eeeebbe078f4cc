package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"clipd/device/wish"
	"clipd/store"
)

// grant does what the box wishes, if it wishes anything, and answers. It returns once that is settled, which for another
// Wi-Fi takes until it is confirmed or undone.
//
// The box may be in anybody's hands: its wish is read and answered as its own user, and checked here as if clipd had not.
func (b *boot) grant() error {
	lost, err := b.undoTrial()
	if err != nil {
		return err
	}
	if lost {
		b.reconnect()
	}
	w, err := b.wish()
	if errors.Is(err, fs.ErrNotExist) {
		if !lost && b.answered().State != wish.OnTrial {
			return nil
		}
		return b.answer(wish.Answer{State: wish.Undone, Problem: lostTrial})
	}
	if err == nil {
		err = w.Check()
	}
	switch {
	case err != nil:
		return b.settle(w, wish.Refused, err.Error())
	case w.Verdict == wish.Keep && !lost: // a crash came right after it was kept
		return b.settle(w, wish.Done, "")
	case w.Verdict != "":
		return b.settle(w, wish.Undone, lostTrial)
	}
	return b.fulfil(w)
}

// fulfil does a wish that was checked.
func (b *boot) fulfil(w wish.Wish) error {
	if len(w.Recorder) > 0 {
		if err := b.setRecorder(w.Recorder); err != nil {
			return b.settle(w, wish.Refused, err.Error())
		}
	}
	if w.Wifi != nil {
		return b.try(w)
	}
	return b.settle(w, wish.Done, "")
}

// settle answers for good. The wish goes last: until then a crash has it done again.
func (b *boot) settle(w wish.Wish, state, problem string) error {
	fmt.Fprintf(b.out, "clipd-boot: settings: %s %s\n", state, problem)
	return errors.Join(b.answer(wish.Answer{ID: w.ID, State: state, Problem: problem}), b.dropWish())
}

// wish reads what the box wishes. fs.ErrNotExist: nothing.
func (b *boot) wish() (w wish.Wish, err error) {
	var text []byte
	err = b.asBox(func() error {
		text, err = readOwn(filepath.Join(b.at(stateDir), wish.File))
		return err
	})
	if err == nil {
		err = json.Unmarshal(text, &w)
	}
	if err == nil && w.ID == "" {
		err = errors.New("it has no id")
	}
	if err != nil {
		return w, fmt.Errorf("read what clipd wishes: %w", err)
	}
	return w, nil
}

// readOwn reads a small regular file that somebody else may put anything in place of.
func readOwn(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return nil, errors.Join(errors.New("it is no regular file"), err)
	}
	text, err := io.ReadAll(io.LimitReader(f, wish.MaxFile+1))
	if err == nil && len(text) > wish.MaxFile {
		err = fmt.Errorf("it has more than %d bytes", wish.MaxFile)
	}
	return text, err
}

func (b *boot) dropWish() error {
	return b.asBox(func() error {
		if err := os.Remove(filepath.Join(b.at(stateDir), wish.File)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// answer tells clipd how it went, and what the Wi-Fi is now.
func (b *boot) answer(a wish.Answer) error {
	a.Wifi = b.network()
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return b.asBox(func() error { return store.WriteFile(b.at(stateDir), wish.AnswerFile, text, 0o600) })
}

// answered is what it was told last; nothing where that cannot be read.
func (b *boot) answered() (a wish.Answer) {
	err := b.asBox(func() error {
		text, err := readOwn(filepath.Join(b.at(stateDir), wish.AnswerFile))
		if err == nil {
			err = json.Unmarshal(text, &a)
		}
		return err
	})
	if err != nil {
		return wish.Answer{}
	}
	return a
}
