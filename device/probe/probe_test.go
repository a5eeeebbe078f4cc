package probe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func probeFile(t testing.TB, path string) (Info, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return File(f, st.Size())
}

// TestAgreesWithFFprobe compares every recording with ffprobe's view of it.
func TestAgreesWithFFprobe(t *testing.T) {
	files := recorded(t)
	if len(files) < 60 {
		t.Fatalf("only %d recordings", len(files))
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			got, err := probeFile(t, path)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, got, ffprobe(t, path))
			if whole := !strings.HasPrefix(filepath.Base(path), "skip-trailer"); got.Complete != whole {
				t.Errorf("complete %v, want %v", got.Complete, whole)
			}
		})
	}
}

func compare(t *testing.T, got Info, want Info) {
	t.Helper()
	if got.VideoCodec != want.VideoCodec || got.AudioCodec != want.AudioCodec {
		t.Errorf("codecs %s %s, ffprobe %s %s", got.VideoCodec, got.AudioCodec, want.VideoCodec, want.AudioCodec)
	}
	if got.Width != want.Width || got.Height != want.Height || got.Rotation != want.Rotation {
		t.Errorf("%dx%d rotation %d, ffprobe %dx%d rotation %d", got.Width, got.Height, got.Rotation, want.Width, want.Height, want.Rotation)
	}
	if got.Unindexed {
		want.Duration = 0 // ffprobe makes times up
	}
	if off := got.Duration - want.Duration; off < -50*time.Millisecond || off > 50*time.Millisecond {
		t.Errorf("duration %v, ffprobe %v", got.Duration, want.Duration)
	}
	if !want.Created.IsZero() && !got.Created.Equal(want.Created) {
		t.Errorf("created %v, ffprobe %v", got.Created, want.Created)
	}
}
