package poster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"clipd/store"
)

// script is a command that behaves as the recording tells it to. It notes each run, and makes a picture if nothing
// stops it. $1 and $2 are the recording and the picture, $3 is a folder of the test's.
const script = `
what=$(head -c 40 "$1")
echo "$what" >>"$3/runs"
case $what in
fails*) exit 1 ;;
hangs) sleep 1000 & echo $! >"$3/pids"; echo $$ >>"$3/pids"; sleep 1000 ;;
"ignores signals") trap '' TERM INT; while :; do sleep 1; done ;;
spins) while :; do :; done ;;
"eats memory") awk 'BEGIN { s = "x"; while (length(s) < 2^30) s = s s }' || exit 1 ;;
chats) head -c 10000000 /dev/zero >&2 ;;
"writes too much") head -c 100000000 /dev/zero >"$2"; exit 0 ;;
"writes rubbish") head -c 1000 /dev/urandom >"$2"; exit 0 ;;
"writes a page") echo '<script>alert(1)</script>' >"$2"; exit 0 ;;
"writes half") head -c 300 "$3/picture.jpg" >"$2"; exit 0 ;;
"writes nothing") : >"$2"; exit 0 ;;
"makes nothing") exit 0 ;;
"makes a link") ln -s "$3/picture.jpg" "$2"; exit 0 ;;
"makes a pipe") mkfifo "$2"; exit 0 ;;
"makes a folder") mkdir "$2"; echo >"$2/x"; exit 0 ;;
"leaves one behind") sleep 1000 & echo $! >"$3/pids" ;;
"tells its limits") { ulimit -v; ulimit -t; ulimit -f; ulimit -c; nice; ionice; cat /proc/self/oom_score_adj; env; } >"$3/limits" ;;
esac
cp "$3/picture.jpg" "$2"
`

// scripted is a box whose command is the script.
func scripted(t *testing.T) *box {
	t.Helper()
	dir := t.TempDir()
	b := newBox(t, "sh", "-c", script, "script", Input, Output, dir)
	b.must(os.WriteFile(filepath.Join(dir, "picture.jpg"), drawing(t, 480, 270), 0o600))
	return b
}

// file reads a file that the script left, "" if there is none.
func (b *box) file(name string) string {
	text, _ := os.ReadFile(filepath.Join(b.Command[len(b.Command)-1], name))
	return string(text)
}

// runs are the recordings the script was run for, in order.
func (b *box) runs() []string {
	return strings.FieldsFunc(b.file("runs"), func(r rune) bool { return r == '\n' })
}

// TestBadCommand: whatever a command does, it is ended, its clip has no poster and is not tried again, and the next clip
// gets one.
func TestBadCommand(t *testing.T) {
	for _, what := range []string{"fails", "hangs", "ignores signals", "spins", "eats memory", "writes too much", "writes rubbish",
		"writes a page", "writes half", "writes nothing", "makes nothing", "makes a link", "makes a pipe", "makes a folder"} {
		t.Run(what, func(t *testing.T) {
			b := scripted(t)
			if what == "hangs" || what == "ignores signals" {
				b.bounds.time = 3 * time.Second
			}
			if what == "spins" {
				b.bounds.cpu = time.Second
			}
			b.run()
			bad := b.clip("bad", what, store.Live)
			b.tried(1)
			b.wantPoster(bad, false)
			b.Want(bad.ID)
			b.Calm()
			good := b.clip("good", "good", store.Live)
			b.tried(1)
			b.wantPoster(good, true)
			if tries := strings.Count(b.file("runs"), what); tries > 1 { // none where its time is over before it begins
				t.Errorf("the clip was tried %d times", tries)
			}
			b.ended()
		})
	}
}

// TestChatter: what a command says or leaves behind does not keep its picture from being used.
func TestChatter(t *testing.T) {
	for _, what := range []string{"chats", "leaves one behind"} {
		t.Run(what, func(t *testing.T) {
			b := scripted(t)
			b.run()
			c := b.clip("a", what, store.Live)
			b.tried(1)
			b.wantPoster(c, true)
			b.ended()
		})
	}
}

// ended fails the test if a process lives whose id the script noted.
func (b *box) ended() {
	b.t.Helper()
	for _, text := range strings.Fields(b.file("pids")) {
		pid, err := strconv.Atoi(text)
		b.must(err)
		deadline := time.Now().Add(patience)
		for alive(pid) {
			if time.Now().After(deadline) {
				b.t.Fatalf("process %d of the command lives", pid)
			}
		}
	}
}

// alive reports whether process pid runs; a dead one may wait for its new parent to look.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// TestLimits: the command gets what bounds says and nothing of the box's own surroundings.
func TestLimits(t *testing.T) {
	before := ownPriority(t)
	t.Setenv("CREDENTIALS_DIRECTORY", "/secret")
	b := scripted(t)
	b.run()
	c := b.clip("a", "tells its limits", store.Live)
	b.tried(1)
	b.wantPoster(c, true)
	lines := strings.Split(b.file("limits"), "\n")
	want := []string{"524288", "30", "2048", "0", "19", "idle", "1000"}
	if len(lines) < len(want) {
		t.Fatalf("%q", lines)
	}
	for i, w := range want {
		if lines[i] != w {
			t.Errorf("line %d is %q, want %q", i, lines[i], w)
		}
	}
	if strings.Contains(b.file("limits"), "secret") {
		t.Error("the command inherits the environment")
	}
	if now := ownPriority(t); now != before {
		t.Errorf("the box itself has priority %d, not %d", now, before)
	}
}

func ownPriority(t *testing.T) int {
	t.Helper()
	p, err := syscall.Getpriority(syscall.PRIO_PROCESS, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGivesUp: a command that fails for clip after clip is at fault itself, and is told of as a problem.
func TestGivesUp(t *testing.T) {
	b := newBox(t, "there is no such program", Input, Output)
	b.run()
	for i := range maxInRow {
		b.clip(fmt.Sprintf("%d", i), "a", store.Live)
	}
	b.tried(maxInRow)
	b.clip("further", "a", store.Live)
	select {
	case text := <-b.told:
		if !strings.Contains(text, "poster.command") || !strings.Contains(text, "not found") {
			t.Error("the problem is told as", text)
		}
	case <-time.After(patience):
		t.Fatal("no problem is told")
	}
	b.Calm()
	b.stop()
	if left := len(b.done); left != 0 {
		t.Errorf("%d more clips were tried", left)
	}
}

// TestStop: a stop ends the command at once, and the clip is not to blame.
func TestStop(t *testing.T) {
	b := scripted(t)
	b.run()
	c := b.clip("a", "hangs", store.Live)
	for deadline := time.Now().Add(patience); strings.Count(b.file("pids"), "\n") < 2; {
		if time.Now().After(deadline) {
			t.Fatal("the command does not run")
		}
	}
	b.stop()
	b.ended()
	if b.tries.failed(c.ID) {
		t.Error("the clip is held to have failed")
	}
}
