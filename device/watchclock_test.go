package device

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"clipd/device/clock"
	"clipd/store"
)

// board is a board whose wall clock starts wrong.
type board struct {
	t      *testing.T
	base   time.Time // what the clock said when the boot began
	up     time.Duration
	synced bool
	dir    string
	store  *store.Store
	watch  *clockWatch
}

func newBoard(t *testing.T, base time.Time) *board {
	b := &board{t: t, base: base, up: time.Minute, dir: t.TempDir()}
	b.start()
	t.Cleanup(func() { b.store.Close() })
	return b
}

// start starts clipd on it, again perhaps.
func (b *board) start() {
	b.t.Helper()
	c := clock.Clock{
		Now: func() time.Time { return b.base.Add(b.up) }, Synced: func() bool { return b.synced }, Boot: "boot-1",
		Uptime: func() time.Duration { return b.up },
	}
	s, _, err := store.Open(b.t.Context(), store.Options{Dir: b.dir, Now: c.Now, Synced: c.Synced, BootID: c.Boot})
	if err != nil {
		b.t.Fatal(err)
	}
	b.store = s
	b.watch = &clockWatch{clock: c, store: s, log: slog.New(slog.DiscardHandler), changed: func() {}}
	if err := b.watch.begin(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *board) restart() {
	b.t.Helper()
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.start()
}

// look lets time pass and has the clock looked at.
func (b *board) look(after time.Duration) (done bool) {
	b.t.Helper()
	b.up += after
	done, err := b.watch.look(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return done
}

// recorded is a clip of a minute that was closed at mtime, and started as source says, off the file's own telling.
func (b *board) recorded(name, source string, mtime time.Time, off time.Duration) store.Clip {
	c := store.Clip{
		Path: name, Camera: "front", Size: 1000, Mtime: mtime, Duration: time.Minute, MediaType: "video/mp4", Complete: true,
		Start: mtime.Add(-time.Minute + off), StartSource: source, Hashed: true, BootID: "boot-1", ClockSynced: b.synced,
	}
	c.ID = store.MakeID(c.Path, c.Size, c.Mtime)
	return c
}

func (b *board) add(cs ...store.Clip) {
	b.t.Helper()
	for _, c := range cs {
		if err := b.store.Apply(b.t.Context(), store.Add(c, store.Live)); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *board) wantStart(c store.Clip, moved time.Duration) {
	b.t.Helper()
	got, _, err := b.store.Clip(c.ID)
	if err != nil {
		b.t.Fatalf("%s by its id: %v", c.Path, err)
	}
	source := c.StartSource
	if moved != 0 {
		source = store.StartCorrected
	}
	if want := c.Start.Add(moved); !got.Start.Equal(want) || got.StartSource != source {
		b.t.Errorf("%s starts %v (%s), want %v (%s)", c.Path, got.Start, got.StartSource, want, source)
	}
}

// corrections returns the time_corrected rows of the journal.
func (b *board) corrections() []store.Event {
	b.t.Helper()
	events, _, err := b.store.Events(0, 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	return slices.DeleteFunc(events, func(e store.Event) bool { return e.Type != store.TimeCorrected })
}

var rightNow = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// The clock was wrong and becomes right: what came from it is corrected once, whatever told it, and nothing else is.
func TestStartsOfTheWrongClockAreCorrectedOnce(t *testing.T) {
	for name, wrong := range map[string]time.Time{
		"of 1970":             time.Unix(0, 0),
		"14 days behind":      rightNow.AddDate(0, 0, -14),
		"three years ahead":   rightNow.AddDate(3, 0, 0),
		"40 seconds behind":   rightNow.Add(-40 * time.Second),
		"a quarter hour late": rightNow.Add(-15 * time.Minute),
	} {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", restarted ", restarts), func(t *testing.T) { correctedOnce(t, wrong, restarts) })
		}
	}
}

func correctedOnce(t *testing.T, wrong time.Time, restarts bool) {
	b := newBoard(t, wrong)
	offset := rightNow.Sub(wrong)
	b.look(0)
	now := b.base.Add(b.up)
	b.up += 5 * time.Minute
	mine := []store.Clip{
		b.recorded("by-mtime.mp4", "mtime", now, 0),
		b.recorded("by-name.mp4", "name", now.Add(time.Minute), 3*time.Second),
		b.recorded("by-container.mp4", "container", now.Add(2*time.Minute), -2*time.Second),
		b.recorded("before-clipd.mp4", "mtime", b.base.Add(10*time.Second), 0),
	}
	late := b.recorded("added-late.mp4", "mtime", now.Add(4*time.Minute), 0)
	ownClock := b.recorded("camera-with-a-clock.mp4", "name", now.Add(3*time.Minute), offset+time.Second)
	old := b.recorded("of-another-boot.mp4", "mtime", now, 0)
	old.BootID = "boot-0"
	copied := b.recorded("copied-with-its-time.mp4", "mtime", rightNow.AddDate(-5, 0, 0), 0)
	b.add(mine...)
	b.add(ownClock, old, copied)
	if restarts {
		b.restart()
	}
	b.base, b.synced = rightNow, true
	if restarts {
		b.restart()
	}
	for range 2 {
		if !b.look(time.Second) {
			t.Error("there is more to see though the clock is trusted")
		}
	}
	after := b.recorded("after.mp4", "mtime", b.base.Add(b.up), 0)
	b.add(late, after)
	for _, c := range append(mine, late) {
		b.wantStart(c, offset)
	}
	for _, c := range []store.Clip{ownClock, old, copied, after} {
		b.wantStart(c, 0)
	}
	b.restart()
	b.look(time.Second)
	told := b.corrections()
	if len(told) != 1 || told[0].Offset != offset || told[0].Count != len(mine) || told[0].BootID != "boot-1" {
		t.Errorf("the journal says %+v, want one correction of %d by %v", told, len(mine), offset)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Verify(store.Path(b.dir)); err != nil {
		t.Error(err)
	}
}

// A clock that is set by hand, wrongly again, before it is synchronised: each clip gets the offset of its own time.
func TestClockIsSetTwice(t *testing.T) {
	b := newBoard(t, time.Unix(0, 0))
	b.look(0)
	first := b.recorded("first.mp4", "mtime", b.base.Add(b.up), 0)
	b.add(first)
	b.look(5 * time.Second)
	byHand := rightNow.Add(-3 * time.Hour)
	b.base = byHand
	b.look(5 * time.Second)
	second := b.recorded("second.mp4", "mtime", b.base.Add(b.up), 0)
	b.add(second)
	b.base, b.synced = rightNow, true
	b.look(5 * time.Second)
	b.wantStart(first, rightNow.Sub(time.Unix(0, 0)))
	b.wantStart(second, 3*time.Hour)
	if told := b.corrections(); len(told) != 1 || told[0].Count != 2 {
		t.Errorf("the journal says %+v", told)
	}
}

// A clock that was right all along, or drifted by less than anybody sees, corrects nothing and tells nothing.
func TestNothingIsCorrectedWhereNothingWasWrong(t *testing.T) {
	for name, drift := range map[string]time.Duration{"right": 0, "a second off": time.Second} {
		t.Run(name, func(t *testing.T) {
			b := newBoard(t, rightNow.Add(-drift))
			b.look(0)
			c := b.recorded("clip.mp4", "mtime", b.base.Add(b.up), 0)
			b.add(c)
			b.base, b.synced = rightNow, true
			if !b.look(time.Second) {
				t.Error("there is more to see")
			}
			b.wantStart(c, 0)
			if told := b.corrections(); len(told) != 0 {
				t.Errorf("the journal says %+v", told)
			}
		})
	}
}

// A corrected clip that is renamed in a later boot keeps its start: its name and mtime are still wrong.
func TestCorrectedStartSurvivesARename(t *testing.T) {
	b := newBoard(t, time.Unix(0, 0))
	b.look(0)
	c := b.recorded("a.mp4", "mtime", b.base.Add(b.up), 0)
	b.add(c)
	b.base, b.synced = rightNow, true
	b.look(time.Second)
	again := b.recorded("b.mp4", "mtime", c.Mtime, 0)
	again.BootID = "boot-2"
	if err := b.store.Apply(t.Context(), store.Rename(c.ID, again, "renamed")); err != nil {
		t.Fatal(err)
	}
	b.wantStart(again, rightNow.Sub(time.Unix(0, 0)))
}
