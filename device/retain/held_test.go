package retain

import (
	"strings"
	"testing"
	"time"

	"clipd/store"
)

// seen makes nas known, and seen now.
func (b *box) ack(consumer string, c store.Clip) {
	b.t.Helper()
	b.must(b.store.Apply(b.t.Context(), store.Ack(consumer, c.ID, nil)))
}

// Clips wait for a consumer that is named, by age as long as it takes, and by space until nothing else is left.
func TestUndelivered(t *testing.T) {
	b := newBox(t, Rules{Age: time.Hour, Undelivered: []string{"nas"}, ForgetConsumer: 14 * day, LastResort: true})
	clips := b.many("front", 10, mb, noon.Add(-48*time.Hour))
	b.ack("nas", clips[2])
	b.run()
	if n := b.left(clips); n != 9 || b.has(clips[2]) {
		t.Fatalf("by age %d clips are left", n)
	}
	report, err := b.r.Report()
	b.must(err)
	if len(report.Held) != 1 || report.Held[0].By != "nas" || report.Held[0].Clips != 9 || report.Held[0].Bytes != 9*mb {
		t.Errorf("held: %+v", report.Held)
	}
	rules := b.r.Rules
	rules.Size = 5 * mb
	b.restart(rules)
	b.run()
	if n := b.left(clips); n != 4 || b.has(clips[5]) || !b.has(clips[6]) {
		t.Errorf("as a last resort %d clips are left", n)
	}
	if !strings.Contains(b.problems[keyResort], "5 clips (5.24 MB) were deleted although") {
		t.Errorf("announced: %q", b.problems[keyResort])
	}
	if last := b.reasons[len(b.reasons)-1]; last != "the recordings exceed 5.24 MB, keep.size, as a last resort: nas still waits for it" {
		t.Errorf("reason: %q", last)
	}
}

// The last resort can be switched off: then the rule is broken, and that is told.
func TestNoLastResort(t *testing.T) {
	b := newBox(t, Rules{Size: 5 * mb, Undelivered: []string{"nas"}})
	clips := b.many("front", 10, mb, noon)
	b.ack("nas", clips[4])
	b.run()
	if n := b.left(clips); n != 9 || b.has(clips[4]) {
		t.Errorf("%d clips are left", n)
	}
	if !strings.Contains(b.problems[keyCrowded], "nothing may go") {
		t.Errorf("told: %q", b.problems[keyCrowded])
	}
	for _, c := range clips {
		if b.has(c) {
			b.ack("nas", c)
		}
	}
	b.run()
	if n := b.left(clips); n != 4 || b.problems[keyCrowded] != "" {
		t.Errorf("after all was fetched %d clips are left, %q", n, b.problems[keyCrowded])
	}
}

// A consumer that is not seen for long holds nothing; a clock that jumps makes nobody unseen.
func TestForgetConsumer(t *testing.T) {
	b := newBox(t, Rules{Age: time.Hour, Undelivered: []string{"nas"}, ForgetConsumer: 14 * day})
	clips := b.many("front", 10, 1, noon.Add(-48*time.Hour))
	b.ack("nas", b.add("front/new.mp4", 1, noon.AddDate(1, 0, 0)))
	b.run()
	b.jump(365 * day)
	b.run()
	b.jump(-365 * day)
	b.pass(13 * day)
	b.run()
	if n := b.left(clips); n != 10 {
		t.Fatalf("while it is remembered %d clips are left", n)
	}
	b.pass(2 * day)
	b.run()
	if n := b.left(clips); n != 0 || !strings.Contains(b.problems["consumer/nas"], "not been seen since 2026-11-22") {
		t.Errorf("%d clips are left, %q", n, b.problems["consumer/nas"])
	}
}

// A name nobody goes by is told, and deletes nothing.
func TestUnknownName(t *testing.T) {
	b := newBox(t, Rules{Age: time.Hour, Undelivered: []string{"nsa"}})
	clips := b.many("front", 3, 1, noon.Add(-48*time.Hour))
	b.ack("nas", clips[0])
	b.run()
	if n := b.left(clips); n != 3 || !strings.Contains(b.problems["undelivered"], "names nsa, which is neither") {
		t.Errorf("%d clips are left, %q", n, b.problems["undelivered"])
	}
	b.ack("nsa", clips[1])
	b.run()
	if n := b.left(clips); n != 2 || b.problems["undelivered"] != "" {
		t.Errorf("%d clips are left, %q", n, b.problems["undelivered"])
	}
}

// A clip that waits to be pushed stays; one that was given up stays for a target that is named.
func TestWaitingForPush(t *testing.T) {
	b := newBox(t, Rules{Age: time.Hour, Undelivered: []string{"archive"}}, func(c *Config) { c.Targets = []string{"nas", "archive"} })
	clips := b.many("front", 4, 1, noon.Add(-48*time.Hour))
	targets := []string{"nas", "nas", "archive"}
	for i, target := range targets {
		b.must(b.store.Apply(t.Context(), store.Enqueue(store.Push{ID: clips[i].ID, Target: target})))
	}
	b.must(b.store.Apply(t.Context(), store.PushDead(clips[1].ID, "nas", "refused"), store.PushDead(clips[2].ID, "archive", "refused")))
	b.run()
	for i, want := range []bool{true, false, true, false} {
		if b.has(clips[i]) != want {
			t.Errorf("clip %d: there is %v", i, !want)
		}
	}
	b.must(b.store.Apply(t.Context(), store.PushDelivered(clips[0].ID, "nas")))
	b.run()
	if b.has(clips[0]) {
		t.Error("a clip that was pushed stays")
	}
}

// Clips that somebody is fetching go after all others that may go, and before those that somebody waits for.
func TestFetchedGoLate(t *testing.T) {
	b := newBox(t, Rules{Age: 72 * time.Hour, Size: 7 * mb, Undelivered: []string{"nas"}, LastResort: true})
	clips := b.many("front", 10, mb, noon)
	for _, c := range clips[1:] {
		b.ack("nas", c)
	}
	b.fetching[clips[1].ID], b.fetching[clips[2].ID] = true, true
	b.run()
	if b.left(clips) != 6 || b.left(clips[:3]) != 3 {
		t.Fatalf("%d clips are left", b.left(clips))
	}
	b.r.Rules.Size = 2 * mb
	b.run()
	if b.left(clips) != 1 || !b.has(clips[0]) {
		t.Errorf("%d clips are left", b.left(clips))
	}
	b.r.Rules.Size = 1
	b.run()
	if b.left(clips) != 0 {
		t.Error("the last resort was not taken")
	}
}

// Partial files count, and go by an age of their own.
func TestPartials(t *testing.T) {
	b := newBox(t, Rules{Size: 10 * mb, Partial: 24 * time.Hour})
	clips := b.many("front", 8, mb, noon)
	for name, age := range map[string]time.Duration{"old": 25 * time.Hour, "new": 23 * time.Hour} {
		file := "front/" + name + ".ts"
		b.write(file, 2*mb, noon.Add(-age))
		b.must(b.store.Apply(t.Context(), store.SetPartial(store.Partial{Path: file, Size: 2 * mb, Mtime: noon.Add(-age), Reason: "no moov"})))
	}
	b.run()
	if n := totals(t, b).Partials; n != 1 {
		t.Errorf("%d partials are left", n)
	}
	if n := b.left(clips); n != 7 && n != 5 { // with both partials 12 MB were too much
		t.Errorf("%d clips are left", n)
	}
	if r := (&Rules{Free: 1}); r.partialAge() != DefaultPartial {
		t.Error("partial files stay for ever where only space is ruled")
	}
}
