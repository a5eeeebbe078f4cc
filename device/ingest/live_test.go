package ingest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clipd/device/watch"
	"clipd/store"
)

func TestClosedFileBecomesClip(t *testing.T) {
	b := newBox(t, nil).start()
	data := mp4(t)
	b.record("front/2026-11-22/07-55-01.mp4", data)
	c := b.clip("front/2026-11-22/07-55-01.mp4")
	if !c.Hashed || c.SHA256 != sha256.Sum256(data) || c.CRC32 != crc32.ChecksumIEEE(data) {
		t.Errorf("sums %v %x %x, want those of the file", c.Hashed, c.SHA256, c.CRC32)
	}
	if want := time.Date(2026, 11, 22, 7, 55, 1, 0, time.UTC); !c.Start.Equal(want) || c.StartSource != "name" {
		t.Errorf("start %v from %s, want %v from name", c.Start, c.StartSource, want)
	}
	if c.Camera != "front" || c.Size != int64(len(data)) || !c.Complete || c.VideoCodec != "h264" || c.Width != 64 || c.Height != 48 ||
		c.MediaType != "video/mp4" || c.Duration != time.Second || c.BootID != b.Clock.Boot || !c.ClockSynced {
		t.Errorf("clip %+v", c)
	}
	e := b.events(c.Path)
	if len(e) != 1 || e[0].Type != store.ClipAdded || e[0].Origin != store.Live || !bytes.Equal(e[0].Clip.SHA256[:], c.SHA256[:]) {
		t.Errorf("events %+v, want one live clip_added with the sums", e)
	}
}

// A file that some process still has open for writing is left alone, although another has closed it.
func TestFileWithWriterIsLeftAlone(t *testing.T) {
	b := newBox(t, nil).start()
	data := mp4(t)
	b.record("front/a.mp4", data)
	first := b.clip("front/a.mp4")
	f := must[*os.File](t)(os.OpenFile(b.path("front/b.mp4"), os.O_CREATE|os.O_WRONLY, 0o644))
	must[int](t)(f.Write(data))
	b.record("front/b.mp4", data) // a second writer comes and closes
	b.settle()
	b.never("front/b.mp4")
	closing(t, f)
	second := b.clip("front/b.mp4")
	if first.SHA256 != second.SHA256 || first.ID == second.ID {
		t.Errorf("clips %v and %v of the same bytes", first.ID, second.ID)
	}
}

func TestKilledRecorderIsNeverAnnounced(t *testing.T) {
	b := newBox(t, nil).start()
	killedRecorder(t, b.path("front/plain.mp4"))
	p := b.partial("front/plain.mp4")
	if !strings.Contains(p.Reason, "moov") {
		t.Errorf("reason %q, want one that names the moov box", p.Reason)
	}
	b.settle()
	b.never("front/plain.mp4")
	b.record("front/plain.mp4", mp4(t)) // repaired
	b.clip("front/plain.mp4")
	if _, err := b.Store.Partial("front/plain.mp4"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the partial stays: %v", err)
	}
}

// killedRecorder runs ffmpeg to file in real time and kills it when it has written something.
func killedRecorder(t *testing.T, file string, flags ...string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(file), 0o755))
	args := append([]string{"-v", "error", "-progress", "pipe:1", "-stats_period", "0.1", "-re", "-f", "lavfi", "-i",
		"testsrc=size=64x48:rate=30", "-c:v", "libx264", "-preset", "ultrafast", "-g", "10"}, flags...)
	cmd := exec.Command(program(t, "ffmpeg"), append(args, "-y", file)...)
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	check(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if n, ok := strings.CutPrefix(lines.Text(), "frame="); ok && len(n) > 1 {
			break
		}
	}
	check(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Fatal("ffmpeg ended by itself")
	}
}

// Footage that was cut off is a clip when it has been left alone for long enough.
func TestCutOffFootage(t *testing.T) {
	b := newBox(t, func(in *Ingest) { in.delays.cutOff = 200 * time.Millisecond }).start()
	whole := sample(t, ".mp4", "-g", "2", "-movflags", "+frag_keyframe+empty_moov")
	f := must[*os.File](t)(os.Create(b.path("cut.mp4")))
	must[int](t)(f.Write(whole[:len(whole)*2/3]))
	closed := time.Now()
	closing(t, f)
	c := b.clip("cut.mp4")
	if c.Complete {
		t.Error("footage that was cut off is complete")
	}
	if waited := time.Since(closed); waited < b.delays.cutOff {
		t.Errorf("taken %v after it was closed, before it was quiet for %v", waited, b.delays.cutOff)
	}
}

func TestRenameIntoPlace(t *testing.T) {
	b := newBox(t, nil).start()
	for _, temporary := range []string{"front/.a.mp4.Xy12", "front/a.mp4.part", "front/a.txt2", "front/b.mp4"} {
		b.record(temporary, mp4(t))
		if temporary == "front/b.mp4" {
			b.clip(temporary)
		}
		check(t, os.Rename(b.path(temporary), b.path("front/a.mp4")))
		c := b.clip("front/a.mp4")
		b.until("the row", func() bool {
			got, _, err := b.Store.ClipAt("front/a.mp4")
			c = got
			info, serr := os.Stat(b.path("front/a.mp4"))
			return err == nil && serr == nil && got.Mtime.Equal(info.ModTime())
		})
		if c.SHA256 != sha256.Sum256(mp4(t)) {
			t.Errorf("%s: renamed to another content", temporary)
		}
	}
	b.settle()
	if _, _, err := b.Store.ClipAt("front/b.mp4"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a row is left at the old name: %v", err)
	}
}

func TestOverwriteInPlaceIsAnotherClip(t *testing.T) {
	b := newBox(t, nil).start()
	b.record("a.mp4", mp4(t))
	old := b.clip("a.mp4")
	other := sample(t, ".mp4", "-t", "0.5")
	b.record("a.mp4", other)
	b.until("the new content", func() bool {
		c, _, err := b.Store.ClipAt("a.mp4")
		return err == nil && c.SHA256 == sha256.Sum256(other)
	})
	if _, _, err := b.Store.Clip(old.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the old id still answers: %v", err)
	}
	b.record("a.mp4", []byte("broken"))
	b.partial("a.mp4")
	if _, _, err := b.Store.ClipAt("a.mp4"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a clip is left where there is none: %v", err)
	}
	types := []store.EventType{}
	for _, e := range b.events("a.mp4") {
		types = append(types, e.Type)
	}
	if want := []store.EventType{store.ClipAdded, store.ClipRemoved, store.ClipAdded, store.ClipRemoved}; !slices.Equal(types, want) {
		t.Errorf("events %v, want %v", types, want)
	}
}

// A recorder's own removal is followed.
func TestRemovedFile(t *testing.T) {
	b := newBox(t, nil).start()
	b.record("a.mp4", mp4(t))
	c := b.clip("a.mp4")
	check(t, os.Remove(b.path("a.mp4")))
	b.until("the removal", func() bool { _, _, err := b.Store.Clip(c.ID); return errors.Is(err, store.ErrNotFound) })
	b.record("bad.mp4", []byte("x"))
	b.partial("bad.mp4")
	check(t, os.Remove(b.path("bad.mp4")))
	b.until("the partial's end", func() bool { _, err := b.Store.Partial("bad.mp4"); return errors.Is(err, store.ErrNotFound) })
}

// Renames and new times keep the sums: the file is not read again.
func TestSumsAreReused(t *testing.T) {
	b := newBox(t, func(in *Ingest) { in.delays.retime = 50 * time.Millisecond }).start()
	b.record("front/day/2026-11-22_07-55-01.mp4", mp4(t))
	c := b.clip("front/day/2026-11-22_07-55-01.mp4")
	check(t, b.Store.Apply(context.Background(), store.Pin(c.ID, true)))
	mark(t, b, &c)

	check(t, os.Rename(b.path(c.Path), b.path("front/day/2026-11-22_08-00-00.mp4")))
	renamed := b.clip("front/day/2026-11-22_08-00-00.mp4")
	if want := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC); !renamed.Start.Equal(want) {
		t.Errorf("start %v, want that of the new name", renamed.Start)
	}
	at := time.Date(2026, 11, 22, 8, 1, 0, 0, time.UTC)
	check(t, os.Chtimes(b.path(renamed.Path), at, at))
	retimed := renamed
	b.until("the new time", func() bool {
		got, _, err := b.Store.ClipAt(renamed.Path)
		retimed = got
		return err == nil && got.Mtime.Equal(at)
	})
	check(t, os.Rename(b.path("front/day"), b.path("front/other")))
	moved := b.clip("front/other/2026-11-22_08-00-00.mp4")
	for _, got := range []store.Clip{renamed, retimed, moved} {
		if got.SHA256 != c.SHA256 || !got.Hashed || !got.Pinned {
			t.Errorf("%s %v: sums %x pinned %v, want those it had", got.Path, got.Mtime, got.SHA256[:4], got.Pinned)
		}
	}
	b.settle()
	if got, _ := b.Store.PathsFrom("front/", 10); len(got) != 1 {
		t.Errorf("rows %+v, want one", got)
	}
	check(t, os.RemoveAll(b.path("front")))
	b.until("the folder's end", func() bool { _, _, err := b.Store.ClipAt(moved.Path); return errors.Is(err, store.ErrNotFound) })
}

// mark gives c's row sums that no reading of the file would make, so that reading it again is seen.
func mark(t *testing.T, b *box, c *store.Clip) {
	t.Helper()
	other := *c
	other.SHA256[0] ^= 0xff
	check(t, b.Store.Apply(context.Background(), store.Forget(c.ID, "test"), store.Add(other, store.Live), store.Pin(c.ID, true)))
	*c = other
}

func TestSidecars(t *testing.T) {
	b := newBox(t, nil).start()
	b.record("front/a.jpg", []byte("poster"))
	b.record("front/a.mp4", mp4(t)) // finds its picture
	c := b.clip("front/a.mp4")
	if c.Poster != "front/a.jpg" || !slices.Equal(c.Sidecars, []string{"front/a.jpg"}) {
		t.Errorf("poster %q sidecars %q, want front/a.jpg", c.Poster, c.Sidecars)
	}
	for _, late := range []string{"front/a.mp4.json", "front/a.gpx", "front/a.SRT"} {
		b.record(late, []byte("{}"))
	}
	check(t, os.Rename(b.path("front/a.SRT"), b.path("front/a.srt")))
	want := []string{"front/a.jpg", "front/a.gpx", "front/a.srt", "front/a.mp4.json"}
	b.until("the sidecars", func() bool { c, _, _ := b.Store.Clip(c.ID); return slices.Equal(c.Sidecars, want) })
	check(t, os.Remove(b.path("front/a.jpg")))
	b.until("the poster's end", func() bool { c, _, _ := b.Store.Clip(c.ID); return c.Poster == "" && len(c.Sidecars) == 3 })
	b.settle()
	b.never("front/a.jpg")
	if e := b.events("front/a.mp4"); len(e) != 1 {
		t.Errorf("%d events, want one: a sidecar is no event", len(e))
	}
}

func TestPictures(t *testing.T) {
	picture := sample(t, ".jpg", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-frames:v", "1", "-update", "1")
	b := newBox(t, func(in *Ingest) { in.Pictures = true })
	b.record("old/x.jpg", picture)
	b.record("old/y.jpg", picture)
	b.record("old/y.mp4", mp4(t))
	b.start()
	if c := b.clip("old/x.jpg"); c.MediaType != "image/jpeg" || c.Width != 64 {
		t.Errorf("picture %+v", c)
	}
	if c := b.clip("old/y.mp4"); c.Poster != "old/y.jpg" {
		t.Errorf("poster %q, want old/y.jpg", c.Poster)
	}
	b.never("old/y.jpg")
	b.record("new/z.jpg", picture)
	b.clip("new/z.jpg")
	b.record("new/z.mp4", mp4(t))
	if c := b.clip("new/z.mp4"); c.Poster != "new/z.jpg" {
		t.Errorf("poster %q, want new/z.jpg", c.Poster)
	}
	if _, _, err := b.Store.ClipAt("new/z.jpg"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the picture is still a clip of its own: %v", err)
	}
}

// Names that recorders would not choose, and things that are no files.
func TestOddNames(t *testing.T) {
	deep := strings.Repeat("d/", 20)
	good := []string{
		"+ # and %2f/a.mp4", "bad\xff\xfeutf8/\x80.mp4", deep + "x.mp4", "front/" + strings.Repeat("n", 251) + ".mp4",
		"front/new\nline\tand \"quotes\".mp4", "front/UPPER.MP4", "-rf.mp4", "front/ä ö.mkv",
	}
	bad := map[string]string{"front/text.mp4": "not a media file", "front/empty.mp4": "empty"}
	b := newBox(t, nil)
	make := func(top string) {
		for _, name := range good {
			data := mp4(t)
			if strings.HasSuffix(name, ".mkv") {
				data = sample(t, ".mkv")
			}
			b.record(top+name, data)
		}
		b.record(top+"front/text.mp4", []byte("not a video"))
		b.record(top+"front/empty.mp4", nil)
		b.record(top+"front/notes.doc", []byte("notes"))
		b.record(top+".hidden/a.mp4", mp4(t))
		b.record(top+"front/a.mp4.part", mp4(t))
	}
	make("scanned/")
	check(t, unix.Mkfifo(b.path("scanned/fifo.mp4"), 0o644))
	check(t, os.Symlink("front/UPPER.MP4", b.path("scanned/link.mp4")))
	odd := []string{"scanned/fifo.mp4", "scanned/link.mp4"}
	if unix.Mknod(b.path("scanned/device.mp4"), unix.S_IFCHR|0o644, int(unix.Mkdev(1, 5))) == nil { // root may
		odd = append(odd, "scanned/device.mp4")
	}
	b.start()
	make("live/")
	for _, top := range []string{"scanned/", "live/"} {
		for _, name := range good {
			b.clip(top + name)
		}
		for name, reason := range bad {
			if p := b.partial(top + name); p.Reason != reason {
				t.Errorf("%s: reason %q, want %q", top+name, p.Reason, reason)
			}
		}
	}
	for _, name := range odd {
		b.partial(name)
		b.never(name)
	}
	b.settle()
	if totals, err := b.Store.Totals(); err != nil || totals.Clips != 2*len(good) || totals.Pending != 0 {
		t.Errorf("totals %+v (%v), want %d clips", totals, err, 2*len(good))
	}
}

// A storm of files, folders, renames and removals ends with a catalogue that equals find(1).
func TestStorm(t *testing.T) {
	b := newBox(t, nil).start()
	data := mp4(t)
	for i := range 2000 {
		name := b.path(fmt.Sprintf("cam%d/%d/%d.mp4", i%7, i/50, i))
		write(t, name, data)
		switch i % 10 {
		case 3:
			check(t, os.Rename(name, name[:len(name)-4]+"-renamed.mp4"))
		case 5:
			check(t, os.Remove(name))
		case 7:
			write(t, name, append(data[:len(data):len(data)], "\x00\x00\x00\x08free"...))
		}
		if i%500 == 499 {
			check(t, os.Rename(filepath.Dir(name), b.path(fmt.Sprintf("cam%d/moved-%d", i%7, i))))
		}
	}
	want := find(t, b.dir)
	b.until("the catalogue to equal find", func() bool { return b.clips() == len(want) && maps.Equal(want, b.listed()) })
	listed := map[store.ID]bool{}
	for _, e := range b.journal() {
		if added := e.Type == store.ClipAdded; listed[e.Clip.ID] == added {
			t.Fatalf("%s of %s (%s) twice in a row", e.Type, e.Clip.Path, e.Clip.ID)
		}
		listed[e.Clip.ID] = !listed[e.Clip.ID]
	}
}

// find is every media file beneath dir and its size.
func find(t testing.TB, dir string) map[string]int64 {
	t.Helper()
	files := map[string]int64{}
	check(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Ext(path) == ".mp4" && !strings.HasPrefix(path, "settle/") {
			info, ierr := d.Info()
			if err = ierr; err == nil {
				files[path] = info.Size()
			}
		}
		return err
	}))
	return files
}

// What follows in one burst is decided by what goes before it, although that is not committed yet.
func TestBurstIsInOrder(t *testing.T) {
	b := newBox(t, nil)
	w := must[*watch.Watcher](t)(watch.New(b.dir, b.Log))
	l := b.newLive(t.Context(), w)
	defer l.waiting.stop()
	events := func(ops ...watch.Event) {
		for _, e := range ops {
			l.since = time.Now()
			l.handle(e)
		}
	}
	b.record("gone.mp4", mp4(t))
	b.record("moved.mp4", mp4(t))
	b.record("broken.mp4", mp4(t))
	events(watch.Event{Op: watch.Closed, Path: "gone.mp4"}, watch.Event{Op: watch.Closed, Path: "moved.mp4"},
		watch.Event{Op: watch.Closed, Path: "broken.mp4"}, watch.Event{Op: watch.Closed, Path: "broken.mp4"})
	if len(l.added) != 3 {
		t.Fatalf("%d clips wait for a commit, want 3 that share one", len(l.added))
	}
	check(t, os.Remove(b.path("gone.mp4")))
	check(t, os.Rename(b.path("moved.mp4"), b.path("there.mp4")))
	b.record("broken.mp4", []byte("x"))
	events(watch.Event{Op: watch.Gone, Path: "gone.mp4"}, watch.Event{Op: watch.Moved, From: "moved.mp4", Path: "there.mp4"},
		watch.Event{Op: watch.Closed, Path: "broken.mp4"})
	l.flush()
	if got := slices.Collect(maps.Keys(b.listed())); !slices.Equal(got, []string{"there.mp4"}) {
		t.Errorf("clips %q, want there.mp4", got)
	}
	b.partial("broken.mp4")
}
