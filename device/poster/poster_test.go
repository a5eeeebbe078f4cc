package poster

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clipd/store"
)

// TestFFmpeg: the default command makes a small picture, whatever the recording is called.
func TestFFmpeg(t *testing.T) {
	content := recording(t)
	b := newBox(t, FFmpeg...)
	b.run()
	for _, path := range []string{"front/a.mp4", "-i/-y;$(reboot) \"'\n.mp4", "concat:a|b/%03d.mp4", strings.Repeat("ä", 120) + ".mp4"} {
		c := b.clip(path, content, store.Live)
		b.tried(1)
		if b.wantPoster(c, true); t.Failed() {
			return
		}
		if size := b.picture(c).Bounds().Size(); size.X != 480 || size.Y != 270 {
			t.Errorf("the poster of %q has %v pixels", path, size)
		}
		if latest, err := b.Store.LatestPoster(); err != nil || latest.ID != c.ID {
			t.Errorf("the newest poster is of %q: %v", latest.Path, err)
		}
	}
}

// TestThumbnail: an embedded thumbnail is taken as it is, without a command.
func TestThumbnail(t *testing.T) {
	b := newBox(t)
	b.run()
	thumb := drawing(t, 160, 120)
	with := b.clip("front/a.jpg", string(withThumbnail(drawing(t, 800, 600), thumb, 1)), store.Live)
	b.tried(1)
	b.wantPoster(with, true)
	if size := b.picture(with).Bounds().Size(); size.X != 160 {
		t.Errorf("the thumbnail has %v pixels", size)
	}
	without := b.clip("front/b.jpg", string(drawing(t, 800, 600)), store.Live)
	film := b.clip("front/c.mp4", "nobody reads it", store.Live)
	b.tried(1)
	b.wantPoster(without, false)
	b.wantPoster(film, false)
}

// TestThumbnailThatLies: what is embedded must be a picture.
func TestThumbnailThatLies(t *testing.T) {
	b := newBox(t)
	b.run()
	c := b.clip("front/a.jpg", string(withThumbnail(drawing(t, 800, 600), []byte("\xff\xd8<script>alert(1)</script>"), 1)), store.Live)
	b.tried(1)
	b.wantPoster(c, false)
}

// TestTurnedThumbnail: a thumbnail knows no orientation, so a picture that must be turned goes to the command.
func TestTurnedThumbnail(t *testing.T) {
	recording(t) // skips without ffmpeg
	b := newBox(t, FFmpeg...)
	b.run()
	c := b.clip("front/a.jpg", string(withThumbnail(drawing(t, 800, 600), drawing(t, 160, 120), 6)), store.Live)
	b.tried(1)
	b.wantPoster(c, true)
	if size := b.picture(c).Bounds().Size(); size.X != 480 {
		t.Errorf("the poster has %v pixels: it is the thumbnail", size)
	}
}

// TestOrder: what is asked for comes first, then what was just recorded, then the others, the newest first.
func TestOrder(t *testing.T) {
	b := scripted(t)
	b.hold = make(chan struct{})
	for _, name := range []string{"old1", "old2", "old3"} {
		b.clip(name, name, store.Scan)
	}
	wanted, err := store.ParseID(b.clip("asked", "asked", store.Scan).ID.String())
	b.must(err)
	b.clip("old4", "old4", store.Scan)
	b.Want(wanted)
	b.run()
	b.hold <- struct{}{} // Run has begun, with the only clip that it knows of
	b.tried(1)
	for _, name := range []string{"new1", "new2"} {
		b.clip(name, name, store.Live)
	}
	b.Calm()
	for range 6 {
		b.hold <- struct{}{}
		b.tried(1)
	}
	// Run may have taken new1 before new2 was there.
	order := strings.Join(b.runs(), " ")
	if tail := " old4 old3 old2 old1"; order != "asked new2 new1"+tail && order != "asked new1 new2"+tail {
		t.Error("the order was", order)
	}
}

// TestLane: nothing is read while other heavy work has its turn.
func TestLane(t *testing.T) {
	b := scripted(t)
	b.hold = make(chan struct{})
	b.run()
	c := b.clip("a", "a", store.Live)
	b.Want(c.ID)
	for range 3 { // commits that Run might have been waiting for
		b.must(b.Store.Apply(t.Context(), store.Note(store.Event{Type: store.StorageOK})))
	}
	if runs := b.runs(); len(runs) != 0 {
		t.Errorf("the command ran without its turn: %q", runs)
	}
	b.hold <- struct{}{}
	b.tried(1)
	b.wantPoster(c, true)
}

// TestBounded: the posters made first go when there are too many, and the backlog drives out none.
func TestBounded(t *testing.T) {
	b := scripted(t)
	b.bounds.cache = b.bounds.picture + 3*block
	b.run()
	var clips []store.Clip
	for _, name := range []string{"a", "b", "c", "d"} {
		clips = append(clips, b.clip(name, name, store.Live))
		b.tried(1)
	}
	for range 4 { // further ones, until the room that one more may need is gone
		clips = append(clips, b.clip("e"+string(rune('0'+len(clips))), "e", store.Live))
		b.tried(1)
	}
	if b.Maker.cache.size > b.bounds.cache {
		t.Errorf("%d bytes of posters, allowed are %d", b.Maker.cache.size, b.bounds.cache)
	}
	b.bounds.cache = 0 // nothing fits beside another one
	last := b.clip("last", "last", store.Live)
	b.tried(1)
	for _, c := range clips {
		b.wantPoster(c, false)
	}
	b.wantPoster(last, true)
}

// TestGoWithTheirClip: a poster goes when its clip does, also if nobody listened at that time.
func TestGoWithTheirClip(t *testing.T) {
	b := scripted(t)
	b.run()
	first, second := b.clip("a", "a", store.Live), b.clip("b", "b", store.Live)
	b.tried(2)
	b.must(b.Store.Apply(t.Context(), store.Forget(first.ID, "age")))
	b.gone(first)
	b.stop()

	b.must(b.Store.Apply(t.Context(), store.Forget(second.ID, "age")))
	b.must(os.WriteFile(filepath.Join(b.cache, "rubbish"), nil, 0o600))
	again := New(b.Config)
	b.Maker = again
	b.run()
	again.Calm()
	b.gone(second)
	if left, err := os.ReadDir(b.cache); err != nil || len(left) != 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

// gone waits until the poster of c is.
func (b *box) gone(c store.Clip) {
	b.t.Helper()
	// Each clip that is tried comes after what was removed before it was added.
	b.clip("after "+c.Path, "fails: a removal is heard before it", store.Live)
	b.tried(1)
	if _, _, err := b.Open(c.ID); !errors.Is(err, fs.ErrNotExist) {
		b.t.Errorf("the poster of %s is there: %v", c.Path, err)
	}
}

// TestOldPosters: another catalogue of the same clips gets the posters that are there; a poster that is missing is
// made again when somebody asks for it.
func TestOldPosters(t *testing.T) {
	b := scripted(t)
	b.run()
	c := b.clip("a", "a", store.Live)
	b.tried(1)
	b.must(b.Store.Apply(t.Context(), store.HavePoster(c.ID, false)))
	made := make(chan struct{}, 1)
	b.stop()
	b.Config.Made = func() { made <- struct{}{} }
	b.Maker = New(b.Config)
	b.run()
	b.Want(c.ID)
	<-made
	b.wantPoster(c, true)
	if runs := b.runs(); len(runs) != 1 {
		t.Errorf("the command ran again: %q", runs)
	}
	b.must(os.Remove(filepath.Join(b.cache, name(c.ID))))
	if _, _, err := b.Open(c.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a poster that is gone: %v", err)
	}
	<-made
	b.wantPoster(c, true)
}

// TestFullDisk: nothing is made where little room is left, and nothing is held against the clip.
func TestFullDisk(t *testing.T) {
	b := scripted(t)
	b.bounds.spare = 1 << 62
	b.run()
	c := b.clip("a", "a", store.Live)
	b.tried(1)
	b.wantPoster(c, false)
	b.stop()
	b.bounds.spare = 0
	b.run()
	b.Want(c.ID)
	b.tried(1)
	b.wantPoster(c, true)
}

// TestRootAway: a disk that is away costs no clip its poster.
func TestRootAway(t *testing.T) {
	b := scripted(t)
	b.run()
	b.must(os.Rename(b.dir, b.dir+".away"))
	b.Root.Look(context.Background())
	b.must(os.Rename(b.dir+".away", b.dir)) // for clip to write into; the Root has not looked again
	c := b.clip("a", "a", store.Live)
	b.tried(1)
	b.wantPoster(c, false)
	b.Root.Look(context.Background())
	b.Calm()
	b.tried(1)
	b.wantPoster(c, true)
}
