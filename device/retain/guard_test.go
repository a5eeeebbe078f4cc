package retain

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clipd/device/root"
	"clipd/store"
)

// What stands against deleting stops every rule, and is told.
func TestOff(t *testing.T) {
	rules := Rules{Age: time.Hour, Size: mb, Free: mb}
	for name, tt := range map[string]struct {
		break_ func(b *box)
		want   string
	}{
		"no scan yet": {func(b *box) { b.off = "compared" }, "compared"},
		"marker gone": {func(b *box) { b.must(os.Remove(filepath.Join(b.root.Dir(), root.Marker))) }, "has no .clipd-root"},
		"another id": {func(b *box) {
			b.must(os.WriteFile(filepath.Join(b.root.Dir(), root.Marker), []byte(strings.Repeat("ab", 16)+"\n"), 0o644))
		}, "another recordings folder"},
		"root gone": {func(b *box) { b.must(os.Rename(b.root.Dir(), b.root.Dir()+"-away")) }, "is not there"},
		"empty folder in its place": {func(b *box) {
			b.must(os.Rename(b.root.Dir(), b.root.Dir()+"-away"))
			b.must(os.Mkdir(b.root.Dir(), 0o755))
		}, "has no .clipd-root"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, rules)
			clips := b.many("front", 10, mb, noon.Add(-48*time.Hour))
			tt.break_(b)
			b.root.Look(t.Context())
			b.run()
			report, err := b.r.Report()
			if err != nil || !strings.Contains(report.Off, tt.want) {
				t.Errorf("off: %q, %v", report.Off, err)
			}
			if n := totals(t, b).Clips; n != len(clips) || len(b.reasons) > 0 {
				t.Errorf("%d clips are known, deleted: %q", n, b.reasons)
			}
		})
	}
}

func totals(t *testing.T, b *box) store.Totals {
	t.Helper()
	n, err := b.store.Totals()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Pins that cannot be read stop everything.
func TestUnreadablePins(t *testing.T) {
	b := newBox(t, Rules{Age: time.Hour})
	clips := b.many("front", 3, mb, noon.Add(-48*time.Hour))
	b.must(b.store.Apply(t.Context(), store.Pin(clips[0].ID, true)))
	b.must(b.store.Close())
	pins := filepath.Join(b.dir, "state", "pins")
	text, err := os.ReadFile(pins)
	b.must(err)
	b.must(os.WriteFile(pins, append(text, 'x'), 0o600))
	b.store, _, err = store.Open(t.Context(), store.Options{Dir: filepath.Join(b.dir, "state"), Now: b.now, BootID: "boot"})
	b.must(err)
	t.Cleanup(func() { b.store.Close() })
	b.restart(b.r.Rules)
	b.run()
	if n := b.left(clips); n != 3 {
		t.Errorf("%d clips are left", n)
	}
	if err := b.store.Apply(t.Context(), store.Expire(clips[1].ID, "by a rule")); err == nil {
		t.Error("a clip expired while the pins cannot be read")
	}
}

// A pass that would delete more than a fifth of the clips, and more than 200, asks; the token of another question confirms
// nothing.
func TestAsks(t *testing.T) {
	b := newBox(t, Rules{Age: 100 * time.Hour})
	clips := b.many("front", 500, 1, noon.Add(199*time.Hour+time.Second))
	b.run()
	if n := b.left(clips); n != 300 {
		t.Fatalf("200 clips are due, %d are left", n)
	}
	b.pass(202 * time.Hour)
	b.run()
	text, token := b.r.Asked()
	if n := b.left(clips); n != 300 || !strings.HasPrefix(text, "202 clips (202 B) are older than 100h0m0s: confirm") || b.problems[keyAsk] != text {
		t.Fatalf("%d clips are left, asked: %q", n, text)
	}
	b.pass(24 * time.Hour) // what becomes due after the question was asked is not confirmed with it
	if err := b.r.Confirm(t.Context(), "another"); !errors.Is(err, ErrNotAsked) {
		t.Fatalf("confirmed: %v", err)
	}
	b.run()
	if n := b.left(clips); n != 300 {
		t.Fatalf("without being confirmed, %d clips are left", n)
	}
	b.must(b.r.Confirm(t.Context(), token))
	b.restart(b.r.Rules) // what was confirmed survives a restart
	b.run()
	if n := b.left(clips); n != 300-202-24 {
		t.Errorf("confirmed, %d clips are left", n)
	}
	if text, _ := b.r.Asked(); text != "" || b.problems[keyAsk] != "" {
		t.Errorf("still asked: %q", text)
	}
	if err := b.r.Confirm(t.Context(), token); !errors.Is(err, ErrNotAsked) {
		t.Errorf("confirmed twice: %v", err)
	}
}

// A fifth of the clips is not much where that is under 200, nor are 200 where that is under a fifth.
func TestAsksOnlyAboutMuch(t *testing.T) {
	for name, n := range map[string][2]int{"half of 300": {300, 150}, "250 of 2000": {2000, 250}} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, Rules{Age: 100 * time.Hour})
			clips := b.many("front", n[0], 1, noon)
			b.wall.Store(clips[n[1]-1].Start.Add(100*time.Hour + time.Second).UnixNano())
			b.run()
			if left := b.left(clips); left != n[0]-n[1] {
				t.Errorf("%d clips are left", left)
			}
		})
	}
}

// A setting that makes much due asks, and says that it was changed; size and free never ask.
func TestChangedSettingAsks(t *testing.T) {
	b := newBox(t, Rules{Age: 10_000 * time.Hour})
	clips := b.many("front", 600, 1, noon)
	b.run()
	b.restart(Rules{Age: 100 * time.Hour})
	b.run()
	report, err := b.r.Report()
	b.must(err)
	if n := b.left(clips); n != 600 || report.Asks == nil || report.Asks.Reason != reasonSetting || report.Asks.Clips != 499 {
		t.Fatalf("%d clips are left, asked %+v", n, report.Asks)
	}
	b.restart(Rules{Age: 10_000 * time.Hour}) // changed back
	b.run()
	if text, _ := b.r.Asked(); text != "" {
		t.Errorf("still asked: %s", text)
	}
	b.restart(Rules{Size: 100})
	b.run()
	if n := b.left(clips); n != 90 {
		t.Errorf("by size, %d clips are left", n)
	}
}

// A clock that jumps ahead makes nothing old, however few clips there are, until somebody says that it is right.
func TestClockJumpsAhead(t *testing.T) {
	b := newBox(t, Rules{Age: 100 * time.Hour})
	clips := b.many("front", 50, 1, noon)
	b.run()
	b.jump(3 * 365 * day)
	b.run()
	report, err := b.r.Report()
	b.must(err)
	if n := b.left(clips); n != 50 || report.Asks == nil || report.Asks.Reason != reasonClock || report.Asks.Clips != 50 {
		t.Fatalf("%d clips are left, asked %+v", n, report.Asks)
	}
	b.pass(61 * time.Hour) // what is due by the time before the jump goes all the same
	b.run()
	if n := b.left(clips); n != 40 && n != 39 {
		t.Errorf("%d clips are left", n)
	}
	before := b.left(clips)
	b.jump(-3 * 365 * day)
	b.run()
	if text, _ := b.r.Asked(); text != "" || b.left(clips) != before {
		t.Errorf("the clock is right again, and still: %q", text)
	}
	b.jump(400 * time.Hour)
	b.run()
	_, token := b.r.Asked()
	b.must(b.r.Confirm(t.Context(), token))
	b.run()
	if n := b.left(clips); n != 0 {
		t.Errorf("confirmed, %d clips are left", n)
	}
}

// A restart of clipd forgets nothing of the clock of this boot.
func TestClockJumpsOverARestart(t *testing.T) {
	b := newBox(t, Rules{Age: 100 * time.Hour})
	clips := b.many("front", 50, 1, noon)
	b.run()
	b.jump(365 * day)
	b.restart(b.r.Rules)
	b.run()
	if n := b.left(clips); n != 50 {
		t.Errorf("%d clips are left", n)
	}
}

// Clips recorded while the clock was two weeks behind are as old as they are, not as they seem.
func TestClockJumpsBack(t *testing.T) {
	b := newBox(t, Rules{Age: 7 * day})
	right := b.many("right", 5, 1, noon)
	b.run()
	b.jump(-14 * day)
	b.run()
	var wrong []store.Clip
	for i := range 5 {
		b.pass(time.Minute)
		wrong = append(wrong, b.add("wrong/"+string(rune('a'+i))+".mp4", 1, b.now()))
		b.run()
	}
	b.jump(14 * day)
	b.run()
	if b.left(right) != 5 || b.left(wrong) != 5 {
		t.Fatalf("%d and %d clips are left", b.left(right), b.left(wrong))
	}
	b.pass(7*day - 10*time.Minute)
	b.run()
	if n := b.left(wrong); n != 5 {
		t.Errorf("before their time %d clips are left", n)
	}
	b.pass(time.Hour)
	b.run()
	if b.left(right) != 0 || b.left(wrong) != 0 {
		t.Errorf("after their time %d and %d clips are left", b.left(right), b.left(wrong))
	}
}

// 1970: a clock that is not trusted makes nothing old, and a start from a clock that had not been set says nothing.
func TestClockNotSet(t *testing.T) {
	b := newBox(t, Rules{Age: time.Hour})
	old := b.many("front", 5, 1, noon.Add(-48*time.Hour))
	b.unsynced.Store(true)
	b.run()
	unset := b.add("front/unset.mp4", 1, time.Unix(100, 0))
	b.run()
	if n := b.left(old); n != 5 {
		t.Errorf("the clock is not trusted, and %d clips are left", n)
	}
	b.unsynced.Store(false)
	b.run()
	if b.left(old) != 0 || !b.has(unset) {
		t.Error("age did not go by what is known")
	}
}

// What cannot be deleted is left alone for a while, and others go.
func TestStuck(t *testing.T) {
	b := newBox(t, Rules{Age: time.Hour})
	clips := b.many("front", 3, 1, noon.Add(-48*time.Hour))
	b.fail = errors.New("operation not permitted")
	b.run()
	b.fail = nil
	b.run()
	if n := b.left(clips); n != 3 || !strings.Contains(b.problems[keyStuck], "operation not permitted") {
		t.Errorf("%d clips are left, %q", n, b.problems[keyStuck])
	}
	late := b.add("front/late.mp4", 1, noon.Add(-24*time.Hour))
	b.run()
	if b.has(late) {
		t.Error("one clip that cannot be deleted stopped the others")
	}
	for id := range b.r.keep.stuck {
		b.r.keep.stuck[id] = time.Now()
	}
	b.run()
	if n := b.left(clips); n != 0 || b.problems[keyStuck] != "" {
		t.Errorf("an hour later %d clips are left, %q", n, b.problems[keyStuck])
	}
}
