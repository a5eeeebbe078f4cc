package poster

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/jpeg"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"clipd/device/root"
	"clipd/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// box is a real catalogue, root and cache folder with a Maker.
type box struct {
	*Maker
	t     *testing.T
	dir   string // the root
	cache string
	clock time.Time
	done  chan store.ID // a clip was tried, with or without success
	told  chan string   // problems
	hold  chan struct{} // receives before each try, where it is not nil
	stop  func()
}

func newBox(t *testing.T, command ...string) *box {
	top := t.TempDir()
	b := &box{t: t, dir: filepath.Join(top, "recordings"), cache: filepath.Join(top, "posters"), clock: time.Unix(1_700_000_000, 0),
		done: make(chan store.ID, 1000), told: make(chan string, 1000)}
	b.must(os.MkdirAll(b.cache, 0o700))
	s, _, err := store.Open(t.Context(), store.Options{Dir: filepath.Join(top, "state"), BootID: "boot"})
	b.must(err)
	t.Cleanup(func() { s.Close() })
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := root.New(b.dir, s, log)
	if st := r.Look(t.Context()); !st.Present {
		t.Fatal(st.Problem)
	}
	folder, err := os.OpenRoot(b.cache)
	b.must(err)
	t.Cleanup(func() { folder.Close() })
	b.Maker = New(Config{Store: s, Root: r, Dir: folder, Log: log, Command: command, Lane: b.lane,
		Problem: func(text string) {
			if text != "" {
				b.told <- text
			}
		}})
	return b
}

// lane is free at once, or when the test says so.
func (b *box) lane(ctx context.Context) (func(), error) {
	if b.hold != nil {
		select {
		case <-b.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return func() { b.done <- store.ID{} }, nil
}

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// run starts the Maker; it ends with the test, or with stop.
func (b *box) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	stopped := false
	b.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				b.t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			b.t.Error("Run does not end")
		}
	}
	b.t.Cleanup(b.stop)
}

// clip lists a new clip with that content, a minute younger than the one before.
func (b *box) clip(path, content string, origin store.Origin) store.Clip {
	b.t.Helper()
	b.clock = b.clock.Add(time.Minute)
	full := filepath.Join(b.dir, path)
	b.must(os.MkdirAll(filepath.Dir(full), 0o750))
	b.must(os.WriteFile(full, []byte(content), 0o600))
	b.must(os.Chtimes(full, b.clock, b.clock))
	size := int64(len(content))
	c := store.Clip{ID: store.MakeID(path, size, b.clock), Path: path, Camera: "front", Size: size, Mtime: b.clock, Start: b.clock,
		MediaType: "video/mp4", VideoCodec: "h264", Complete: true}
	if strings.HasSuffix(path, ".jpg") {
		c.MediaType, c.VideoCodec = jpegType, ""
	}
	b.must(b.Store.Apply(b.t.Context(), store.Add(c, origin)))
	return c
}

// tried waits until n clips have been tried.
func (b *box) tried(n int) {
	b.t.Helper()
	for range n {
		select {
		case <-b.done:
		case <-time.After(patience):
			b.t.Fatal("no clip is tried")
		}
	}
}

// has reports whether the catalogue and the cache folder have a poster of c; they must agree.
func (b *box) has(c store.Clip) bool {
	b.t.Helper()
	now, _, err := b.Store.Clip(c.ID)
	b.must(err)
	_, err = os.Lstat(filepath.Join(b.cache, name(c.ID)))
	if (now.Poster == store.MadePoster) != (err == nil) {
		b.t.Errorf("the catalogue says poster %q of %s, the folder %v", now.Poster, c.Path, err)
	}
	return err == nil
}

func (b *box) wantPoster(c store.Clip, want bool) {
	b.t.Helper()
	if got := b.has(c); got != want {
		b.t.Errorf("clip %s has a poster: %v, want %v", c.Path, got, want)
	}
}

// picture returns the poster of c, decoded by another reader of JPEG than the one that let it pass.
func (b *box) picture(c store.Clip) image.Image {
	b.t.Helper()
	f, fi, err := b.Open(c.ID)
	b.must(err)
	defer f.Close()
	p, err := jpeg.Decode(f)
	if err != nil {
		b.t.Fatalf("a poster of %d bytes: %v", fi.Size(), err)
	}
	return p
}

// drawing is a JPEG of that size.
func drawing(t *testing.T, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, width, height)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withThumbnail is picture with thumb embedded as EXIF 2.32 §4.5 says, and an orientation.
func withThumbnail(picture, thumb []byte, orientation uint16) []byte {
	le := binary.LittleEndian
	entry := func(tag, kind uint16, value uint32) []byte {
		return le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(nil, tag), kind), 1), value)
	}
	tiff := slices.Concat([]byte("Exif\x00\x00II*\x00\x08\x00\x00\x00"),
		[]byte{1, 0}, entry(0x0112, 3, uint32(orientation)), []byte{26, 0, 0, 0},
		[]byte{2, 0}, entry(0x0201, 4, 56), entry(0x0202, 4, uint32(len(thumb))), []byte{0, 0, 0, 0}, thumb)
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(len(tiff)+2))
	return slices.Concat(head, tiff, picture[2:])
}

// recording is a real one of a few frames.
func recording(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("ffmpeg is not installed")
	}
	file := filepath.Join(t.TempDir(), "r.mp4")
	args = append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=5:duration=1"}, append(args, file)...)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
