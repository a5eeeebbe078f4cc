package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// recorder prepares systemd/clipd-recorder for camera front: a small test picture, clips of so many seconds.
func recorder(t *testing.T, root, segment string) *exec.Cmd {
	t.Helper()
	need(t, "ffmpeg")
	cmd := exec.Command("../../systemd/clipd-recorder", "front")
	cmd.Env = append(os.Environ(), "ROOT="+root, "SOURCE=test", "WIDTH=64", "HEIGHT=48", "FPS=5", "BITRATE=50000", "SEGMENT="+segment, "ENCODER=libx264")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// recording starts it; kill ends it as a power cut does, and so does the end of the test.
func recording(t *testing.T, root, segment string) (kill func()) {
	t.Helper()
	cmd := recorder(t, root, segment)
	must(t, cmd.Start())
	kill = sync.OnceFunc(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
	t.Cleanup(kill)
	return kill
}

// What the recorder's unit runs brings clips, one after the other, whose names carry the zone.
func TestRecorderOfTheBox(t *testing.T) {
	b := startBox(t, "-broker", "none")
	recording(t, b.recordings(), "2")
	name := regexp.MustCompile(`^front/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d[+-]\d{4}\.mp4$`)
	whole := 0
	b.follow(func(e event) bool {
		if e.EventType == "clip_added" {
			if whole++; !name.MatchString(e.Path) {
				t.Errorf("a clip is called %s", e.Path)
			}
		}
		return whole == 2
	})
	for _, c := range b.clips() {
		if !c.Complete {
			t.Errorf("%s is not complete", c.Path)
		}
	}
}

// A recorder that dies in the middle of a clip leaves all but the last fragment of it.
func TestRecorderDiesInAClip(t *testing.T) {
	b := startBox(t, "-broker", "none")
	kill := recording(t, b.recordings(), "3600")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for fragments := 0; fragments < 3; {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("only %d fragments were written", fragments)
		}
		for _, path := range find(t, b.recordings()) {
			text, _ := os.ReadFile(b.recordings(path))
			fragments = bytes.Count(text, []byte("moof"))
		}
	}
	kill()
	b.waitClips(1)
	if c := b.clips()[0]; c.Complete {
		t.Errorf("%s was cut off and is called complete", c.Path)
	}
}

// ends runs a recorder that should end by itself, and returns what it said.
func ends(t *testing.T, cmd *exec.Cmd) (string, error) {
	t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	must(t, cmd.Start())
	late := time.AfterFunc(patience, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer late.Stop()
	err := cmd.Wait()
	return said.String(), err
}

// Without the marker the disk is another one, or none is mounted: nothing is written.
func TestRecorderNeedsTheMarker(t *testing.T) {
	root := t.TempDir()
	out, err := ends(t, recorder(t, root, "2"))
	if err == nil || !strings.Contains(out, ".clipd-root") {
		t.Errorf("it ended with %v: %s", err, out)
	}
	if left, _ := os.ReadDir(root); len(left) > 0 {
		t.Errorf("it wrote %v", left)
	}
	out, err = ends(t, recorder(t, filepath.Join(root, "away"), "2"))
	if err == nil || !strings.Contains(out, "is the disk mounted?") {
		t.Errorf("without a folder it ended with %v: %s", err, out)
	}
}
