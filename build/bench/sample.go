package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// sample is a complete recording of one second, a few kB long.
type sample []byte

func makeSample(dir string) (sample, error) {
	file := filepath.Join(dir, "sample.mp4")
	out, err := exec.Command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=1", "-t", "1",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", file).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg: %w: %s", err, out)
	}
	defer os.Remove(file)
	return os.ReadFile(file)
}

// padded is the sample followed by a free box (ISO/IEC 14496-12 §8.1.2) that makes it n bytes long.
func (s sample) padded(n int) []byte {
	b := make([]byte, n)
	copy(b, s)
	box := b[len(s):]
	binary.BigEndian.PutUint32(box, uint32(len(box)))
	copy(box[4:], "free")
	return b
}

// recorded is the path, relative to the root, of the recording that was closed at t: a folder a day, as recorders do.
func recorded(camera string, t time.Time) string {
	return filepath.Join(camera, t.Format("2006-01-02"), t.Format("15-04-05")+".mp4")
}

// fill writes n recordings that were closed every ten seconds until now, alternating between four cameras.
func (s sample) fill(root string, n int) error {
	now := time.Now().Truncate(time.Second)
	for i := range n {
		t := now.Add(-time.Duration(i+1) * 10 * time.Second)
		if err := s.record(root, fmt.Sprintf("cam%d", i%4+1), t); err != nil {
			return err
		}
	}
	return nil
}

func (s sample) record(root, camera string, t time.Time) error {
	file := filepath.Join(root, recorded(camera, t))
	err := os.WriteFile(file, s, 0o666)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(filepath.Dir(file), 0o777); err == nil {
			err = os.WriteFile(file, s, 0o666)
		}
	}
	if err != nil {
		return err
	}
	return os.Chtimes(file, t, t)
}
