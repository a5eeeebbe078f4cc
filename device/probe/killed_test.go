package probe

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKilledRecorder kills a real recorder in the middle of its work, and lets the same one finish.
func TestKilledRecorder(t *testing.T) {
	needProgram(t, "ffmpeg")
	needProgram(t, "ffprobe")
	for _, c := range []struct {
		name, args string
		usable     bool // what the killed recorder left
	}{
		{"plain.mp4", "", false},
		{"faststart.mp4", "-movflags +faststart", false},
		{"frag.mp4", "-movflags +frag_keyframe+empty_moov", true},
		{"flushed.mp4", "-movflags +frag_keyframe+empty_moov -flush_packets 1", true},
		{"hybrid.mp4", "-movflags +frag_keyframe", true},
		{"stream.ts", "", true},
		{"clusters.mkv", "-cluster_time_limit 200", true},
		{"stream.avi", "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			killed, finished := filepath.Join(t.TempDir(), c.name), filepath.Join(t.TempDir(), c.name)
			record(t, killed, c.args, syscall.SIGKILL)
			got, err := probeFile(t, killed)
			if c.usable {
				checkUsable(t, killed, got, err)
			} else if !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), "moov") {
				t.Errorf("killed: %+v, %v; want ErrIncomplete for want of moov", got, err)
			}
			record(t, finished, c.args, syscall.SIGINT)
			if got, err = probeFile(t, finished); err != nil || !got.Complete {
				t.Errorf("finished: %+v, %v; want it complete", got, err)
			}
		})
	}
}

// checkUsable wants footage that is known to be cut off, about as long as ffprobe can read it: what is
// written of the last fragment does not count here.
func checkUsable(t *testing.T, path string, got Info, err error) {
	t.Helper()
	if err != nil || got.Complete {
		t.Fatalf("killed: %+v, %v; want it usable and not complete", got, err)
	}
	plays := packetDuration(t, path)
	if got.Duration <= 0 || got.Duration > plays+50*time.Millisecond || got.Duration < plays-500*time.Millisecond {
		t.Errorf("killed: lasts %v, ffprobe reads %v", got.Duration, plays)
	}
	if got.VideoCodec != ffprobe(t, path).VideoCodec || got.Width != 640 || got.Height != 360 {
		t.Errorf("killed: %+v", got)
	}
}

// record runs ffmpeg in real time, 75 pictures a second with every fifth a keyframe, until the file has grown past
// its buffers, and ends it with sig.
func record(t *testing.T, path, args string, sig syscall.Signal) {
	t.Helper()
	all := "-nostdin -v error -re -f lavfi -i testsrc2=size=640x360:rate=75 -threads 1 -c:v libx264 -preset ultrafast -qp 0 -g 5 " + args
	cmd := exec.Command("ffmpeg", append(strings.Fields(all), path)...)
	grown := watchGrowth(t, path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := grown(300 << 10)
	cmd.Process.Signal(sig)
	cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
}

// watchGrowth returns a function that waits until the file has grown to a size, inotify(7).
func watchGrowth(t *testing.T, path string) func(size int64) error {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	t.Cleanup(func() { events.Close() })
	if _, err := unix.InotifyAddWatch(fd, filepath.Dir(path), unix.IN_MODIFY); err != nil {
		t.Fatal(err)
	}
	return func(size int64) error {
		events.SetReadDeadline(time.Now().Add(time.Minute))
		buf := make([]byte, 4096)
		for {
			if st, err := os.Stat(path); err == nil && st.Size() >= size {
				return nil
			}
			if _, err := events.Read(buf); err != nil {
				return err
			}
		}
	}
}
