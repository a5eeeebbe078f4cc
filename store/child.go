package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

const verifyVariable = "CLIPD_VERIFY_CATALOGUE"

// Exit codes of the child. Any other, and death by a signal, is what bbolt makes of a damaged file.
const (
	exitSound     = 0
	exitDamaged   = 3
	exitLocked    = 4
	exitUnchecked = 5 // the file could not be read at all
)

// VerifyInChild is Verify in a process of its own: this program again, whose main must call ServeVerify first. A child that
// is killed by what it reads, or does not end, has found damage: ErrDamaged. A child that cannot be started has not. It
// is made for Options.Verify.
func VerifyInChild(ctx context.Context, path string) error {
	if os.Getenv(verifyVariable) != "" {
		return errors.New("verifying the catalogue: this is the child, and its main does not call store.ServeVerify")
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("verifying the catalogue: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, verifyTime(path))
	defer cancel()
	// A child that outlives this process would keep the catalogue locked for the next one. The signal comes when the thread
	// that started it ends, prctl(2), so this goroutine keeps the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(limited, self)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(os.Environ(), verifyVariable+"="+path)
	said := &tail{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("verifying the catalogue: %w", err)
	}
	return childError(ctx, cmd.Wait(), said.String())
}

// verifyTime is far more than a slow card needs, so that only a walk in circles takes longer.
func verifyTime(path string) time.Duration {
	limit := 30 * time.Second
	if info, err := os.Stat(path); err == nil {
		limit += time.Duration(info.Size()>>20) * time.Second
	}
	return limit
}

func childError(ctx context.Context, err error, said string) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &exit):
		return fmt.Errorf("verifying the catalogue: %w", err)
	case exit.ExitCode() == exitLocked:
		return fmt.Errorf("%w: %s", ErrLocked, said)
	case exit.ExitCode() == exitUnchecked:
		return fmt.Errorf("verifying the catalogue: %s", said)
	}
	return fmt.Errorf("%w: %s (%s)", ErrDamaged, said, exit)
}

// ServeVerify does the child's work of VerifyInChild. Main calls it before anything else and, if it ran, exits with code.
func ServeVerify() (ran bool, code int) {
	path := os.Getenv(verifyVariable)
	if path == "" {
		return false, 0
	}
	err := verifyFile(path, endAtFirst)
	switch {
	case err == nil:
		return true, exitSound
	case errors.Is(err, ErrLocked):
		code = exitLocked
	case errors.Is(err, ErrDamaged):
		code = exitDamaged
	default:
		code = exitUnchecked
	}
	fmt.Fprintln(os.Stderr, err)
	return true, code
}

// endAtFirst is checkPages that ends the process at the first page that is not what it should be: where one page leads
// back to another, bbolt goes on for minutes, and nothing can stop it but that.
func endAtFirst(tx *bolt.Tx) error {
	for err := range tx.Check() {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitDamaged)
	}
	return nil
}

// tail keeps the first line of what a child says; a crash of the Go runtime says much more.
type tail struct{ b bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	const enough = 512
	t.b.Write(p[:min(len(p), enough-min(enough, t.b.Len()))])
	return len(p), nil
}

func (t *tail) String() string {
	line, _, _ := strings.Cut(t.b.String(), "\n")
	return strings.TrimSpace(line)
}
