package device

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"clipd/store"
)

const (
	problemFile = "problems"
	problemSize = 4096 // bytes that are always there, so that a full disk can still be told of
)

// keepProblems writes what is wrong with the box into state/problems, a line each, for whoever finds it when the journal
// cannot commit and nobody listens. It writes over the same bytes: replacing the file would need the space that may be
// what is missing. It waits for no flush, since it is called by whoever has met the problem.
func keepProblems(dir string, now []string) error {
	text := []byte(strings.Join(now, "\n"))
	text = append(text[:min(len(text), problemSize-1)], '\n')
	text = append(text, bytes.Repeat([]byte("\n"), problemSize-len(text))...)
	f, err := os.OpenFile(filepath.Join(dir, problemFile), os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, 0)
	return errors.Join(err, f.Close())
}

// keptProblems returns what was wrong when the last run ended, "" if nothing was.
func keptProblems(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, problemFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// takeUpProblems says what was wrong when the last run ended, and begins anew, which takes the file's space while there is
// some.
func (b *box) takeUpProblems() {
	before, err := keptProblems(b.cfg.State)
	if err == nil && before != "" {
		b.log.Warn("the last run ended with a problem", "problem", before)
	}
	if err := errors.Join(err, keepProblems(b.cfg.State, nil)); err != nil {
		b.log.Error("the problems could not be noted in the state folder", "error", err)
	}
}

// noteEnd notes why a life ends that nobody ended, by asking for other settings or another version. What failed is told by the exit code and on standard error too, but
// people who come later look here.
func (b *box) noteEnd(err error) {
	if err != nil && !errors.Is(err, errAgain) && !errors.Is(err, errUpdated) {
		b.problems.set("process", err.Error())
	}
}

// leaveProblem notes why the box could not start, unless another one runs on the same state folder. Whoever started it
// gets the error itself.
func (b *box) leaveProblem(err error) {
	if !errors.Is(err, store.ErrLocked) {
		_ = keepProblems(b.cfg.State, []string{err.Error()}) // where that fails too, there is nowhere left to say it
	}
}
