package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestScripts runs each testdata/*.txt: shell-like lines done in a folder "in" that is watched, beside one, "out", that is not.
//
//	# what it shows
//	mkdir in/d           lines before "watch" are done first
//	watch
//	write in/d/a.mp4
//	sync                 waits until all so far was told, once each; without it, what is told is merged: see below
//	reconcile            waits until that was told
//	tells
//	closed d/a.mp4
//
// An event that is told twice in a row between two syncs counts once, since a folder that appears may be met twice.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	must(t, err)
	if len(scripts) < 20 {
		t.Fatalf("only %d scripts", len(scripts))
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(script)
			must(t, err)
			play(t, string(text))
		})
	}
}

func play(t *testing.T, text string) {
	actions, tells, ok := strings.Cut(text, "\ntells\n")
	if !ok {
		t.Fatal("no line \"tells\"")
	}
	top := t.TempDir()
	must(t, os.Mkdir(filepath.Join(top, "in"), 0o755))
	must(t, os.Mkdir(filepath.Join(top, "out"), 0o755))
	var r *running
	var told []string
	for line := range strings.SplitSeq(actions, "\n") {
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case line == "watch":
			r = start(t, filepath.Join(top, "in"))
		case line == "sync":
			told = append(told, words(r.barrier())...)
		case line == "reconcile":
			told = append(told, words(r.until(func(e Event) bool { return e.Op == Reconcile }))...)
		default:
			must(t, do(t, top, strings.Fields(line)))
		}
	}
	told = append(told, words(r.barrier())...)
	want := strings.Split(strings.TrimSpace(tells), "\n")
	if want[0] == "nothing" {
		want = nil
	}
	if !slices.Equal(told, want) {
		t.Errorf("told\n\t%s\nwant\n\t%s", strings.Join(told, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// words writes events as the scripts do.
func words(events []Event) (lines []string) {
	for _, e := range events {
		lines = append(lines, strings.Join(strings.Fields(e.Op.String()+" "+e.From+" "+e.Path), " "))
	}
	return slices.Compact(lines)
}

// do is one line of a script.
func do(t *testing.T, top string, line []string) error {
	args := slices.Clone(line[1:])
	for i, a := range args {
		args[i] = filepath.Join(top, a)
	}
	switch line[0] {
	case "mkdir":
		return os.MkdirAll(args[0], 0o755)
	case "write":
		return os.WriteFile(args[0], []byte("recording"), 0o644)
	case "create": // and never written
		return os.WriteFile(args[0], nil, 0o644)
	case "read":
		_, err := os.ReadFile(args[0])
		return err
	case "mv":
		return unix.Rename(args[0], args[1]) // os.Rename refuses an empty folder as target
	case "swap":
		return unix.Renameat2(unix.AT_FDCWD, args[0], unix.AT_FDCWD, args[1], unix.RENAME_EXCHANGE)
	case "rm":
		return os.RemoveAll(args[0])
	case "touch":
		return os.Chtimes(args[0], time.Unix(1e9, 0), time.Unix(1e9, 0))
	case "chmod":
		return os.Chmod(args[0], 0o600)
	case "ln":
		return os.Link(args[0], args[1])
	case "symlink":
		return os.Symlink(line[1], args[1])
	case "mkfifo":
		return unix.Mkfifo(args[0], 0o644)
	case "open": // stays open for writing until the test ends
		f, err := os.Create(args[0])
		t.Cleanup(func() { f.Close() })
		return err
	case "tmpfile": // open(2) O_TMPFILE, written, and given a name
		return tmpfile(args[0])
	}
	return fmt.Errorf("no such line: %q", line)
}

func tmpfile(path string) error {
	fd, err := unix.Open(filepath.Dir(path), unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte("recording")); err != nil {
		return err
	}
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
}
