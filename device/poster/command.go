package poster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What stands for the recording and for the picture in Command; both must occur in its arguments.
const (
	Input  = "{input}"
	Output = "{output}"
)

// FFmpeg makes a picture at most 480 pixels wide of a recording's first key frame. A recording that names others
// (a playlist) opens none but local files.
var FFmpeg = []string{"ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file", "-threads", "1", "-skip_frame", "nokey",
	"-i", "file:" + Input, "-map", "0:v:0", "-frames:v", "1", "-vf", "scale='min(480,iw)':-2", "-threads", "1",
	"-f", "mjpeg", "-q:v", "5", "-y", "file:" + Output}

// limited waits until its priority is set, gives up what the command must not take (sh(1), getrlimit(2)), offers itself
// first to the kernel when memory runs out, and becomes the command.
const limited = `read -r go || exit 126
ulimit -c 0 && ulimit -v "$1" && ulimit -t "$2" && ulimit -f "$3" || exit 126
echo 1000 >/proc/self/oom_score_adj
shift 3
exec "$@" </dev/null`

const (
	fdInput  = "/proc/self/fd/3" // the first of exec.Cmd's ExtraFiles
	leftover = time.Second       // for what the command started itself and left running
	complain = 400               // bytes of what it said that are told
)

// run lets the command draw the recording in. It blocks until the command, and what it started, has ended.
func (m *Maker) run(ctx context.Context, in *os.File) error {
	if err := m.Dir.RemoveAll(unfinished); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, m.bounds.time)
	defer cancel()
	var said tail
	cmd := m.command(ctx)
	cmd.ExtraFiles, cmd.Stderr = []*os.File{in}, &said
	err := humbly(cmd)
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		return fmt.Errorf("%s took longer than %v", m.Command[0], m.bounds.time)
	case err != nil:
		return fmt.Errorf("%s: %w: %s", m.Command[0], err, said.text())
	}
	return nil
}

func (m *Maker) command(ctx context.Context) *exec.Cmd {
	args := []string{"-c", limited, "poster",
		strconv.FormatInt(m.bounds.memory>>10, 10),
		strconv.FormatInt(int64(m.bounds.cpu/time.Second), 10),
		strconv.FormatInt(m.bounds.picture>>9, 10), // blocks of 512 bytes (POSIX ulimit)
	}
	files := strings.NewReplacer(Input, fdInput, Output, filepath.Join(m.Dir.Name(), unfinished))
	for _, a := range m.Command {
		args = append(args, files.Replace(a))
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", args...)
	cmd.Dir = "/"
	// One arena: glibc reserves 64 MB of address space for each further one.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "MALLOC_ARENA_MAX=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = leftover
	return cmd
}

// Lowest priorities: setpriority(2), ioprio_set(2).
const (
	niceLast         = 19
	ioIdle           = 3 << 13
	ioprioWhoProcess = 1
)

// humbly runs cmd at the lowest priority, and ends what it leaves behind in its process group.
func humbly(cmd *exec.Cmd) error {
	start, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// Where priorities are not to be set it goes on as any other.
	_ = unix.Setpriority(unix.PRIO_PROCESS, cmd.Process.Pid, niceLast)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, uintptr(cmd.Process.Pid), ioIdle)
	_, _ = io.WriteString(start, "\n") // a shell that is gone is what Wait tells
	err = cmd.Wait()
	// The number is its group's as long as one of the group lives.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it ended well itself
	}
	return err
}

// tail keeps the end of what is written.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[max(0, len(p)-complain):]...)
	t.b = slices.Delete(t.b, 0, max(0, len(t.b)-complain))
	return len(p), nil
}

func (t *tail) text() string { return strings.ToValidUTF8(string(bytes.TrimSpace(t.b)), "\uFFFD") }
