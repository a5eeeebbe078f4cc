package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// trouble is what keeps a folder from being watched.
type trouble struct {
	text  string // for people
	polls bool   // it may end by itself, so that looking again is worth it
}

// exhausted says whether err is about what the system has left, not about one folder.
func exhausted(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// vanished says whether err is only late: the folder went on, and an event that waits says where to.
func vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// survive goes on after a folder could not be listed, unless the reader is gone.
func (w *Watcher) survive(ctx context.Context, dir string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		w.fail(dir, err)
	}
	return nil
}

// fail notes that the folder at path cannot be watched or listed.
func (w *Watcher) fail(path string, err error) {
	if vanished(err) {
		return
	}
	t := w.explain(path, err)
	if w.trouble.text == "" || t.polls && !w.trouble.polls {
		w.trouble = t
	}
	if soon := time.Now().Add(w.poll); t.polls && w.due.After(soon) {
		w.due = soon
	}
	w.state()
}

func (w *Watcher) explain(path string, err error) trouble {
	const meanwhile = "until then new recordings there are found by looking once a minute"
	switch {
	case errors.Is(err, unix.ENOSPC):
		return trouble{"the system has no inotify watches left for all folders of " + w.dir + ": " + raise("max_user_watches", 524288) + "; " + meanwhile, true}
	case errors.Is(err, unix.EMFILE) && w.queue.refused != nil:
		return trouble{"the system has no inotify instance left to watch " + w.dir + ": " + raise("max_user_instances", 1024) + " and restart clipd; " + meanwhile, true}
	case errors.Is(err, fs.ErrPermission):
		return trouble{fmt.Sprintf("%s may not be read by the user clipd runs as, so recordings in it are not seen; give that user read access", w.full(path)), false}
	case errors.Is(err, unix.ENAMETOOLONG):
		return trouble{fmt.Sprintf("%s is too deep to be watched; use shorter folder names", w.full(path)), false}
	}
	return trouble{fmt.Sprintf("%s cannot be watched: %v; %s", w.full(path), err, meanwhile), true}
}

// raise says how to double a limit of fs.inotify, to enough at least.
func raise(name string, enough int) string {
	now := 0
	if b, err := os.ReadFile("/proc/sys/fs/inotify/" + name); err == nil {
		_, _ = fmt.Sscan(strings.TrimSpace(string(b)), &now)
	}
	return fmt.Sprintf("its limit is %d; raise it with `sysctl -w fs.inotify.%s=%d` and put that line into /etc/sysctl.d/clipd.conf", now, name, max(2*now, enough))
}

// state makes the trouble known, once.
func (w *Watcher) state() {
	if w.trouble.text == w.Problem() {
		return
	}
	text := w.trouble.text
	w.problem.Store(&text)
	if text != "" {
		w.log.Warn("watch: " + text)
		return
	}
	w.log.Info("watch: all folders are watched again", "dir", w.dir)
}
