package store

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestModel applies random ops to a catalogue and to a model of it made of maps, closes and opens it in between, cleanly
// and not, and compares all that can be asked.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(memory(), "store-model")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &model{dir: dir, rows: map[ID]row{}, pins: map[ID]bool{}, partials: map[string]bool{}, cursors: map[string]uint64{}}
		m.open(t)
		defer func() { m.s.Close() }()
		t.Repeat(map[string]func(*rapid.T){"apply": m.apply, "reopen": m.reopen, "": m.check})
	})
}

// memory is a folder in memory, where there is one: thousands of commits then cost little.
func memory() string {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err == nil && info.IsDir() {
		return shm
	}
	return ""
}

// told is what the model keeps of an event.
type told struct {
	kind   EventType
	id     ID
	reason string
	pinned bool
}

type model struct {
	s        *Store
	dir      string
	rows     map[ID]row
	pins     map[ID]bool
	partials map[string]bool
	cursors  map[string]uint64
	events   []told
}

func (m *model) open(t *rapid.T) {
	s, _, err := Open(context.Background(), Options{Dir: m.dir, BootID: "boot", Now: func() time.Time { return epoch }, maxSize: 32 << 20})
	if err != nil {
		t.Fatal(err)
	}
	m.s = s
}

func (m *model) reopen(t *rapid.T) {
	if rapid.Bool().Draw(t, "cleanly") {
		if err := m.s.Close(); err != nil {
			t.Fatal(err)
		}
	} else {
		abort(m.s)
	}
	m.open(t)
}

// abort ends s as a kill would, as far as its files can tell.
func abort(s *Store) {
	s.fail(errors.New("killed"))
	s.Close()
}

// drawClip draws one of few clips, so that ops meet each other's.
func drawClip(t *rapid.T) Clip {
	path := rapid.SampledFrom([]string{"front/a.mp4", "front/b.mp4", "back/a.mp4", "back/c.mp4", "z"}).Draw(t, "path")
	mtime := epoch.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "mtime")) * 40 * time.Minute)
	size := int64(rapid.IntRange(1, 2).Draw(t, "size"))
	camera, _, _ := strings.Cut(path, "/")
	return Clip{
		ID: MakeID(path, size, mtime), Path: path, Camera: camera, Size: size, Mtime: mtime, Start: mtime.Add(-time.Minute),
		Complete: size == 1, Pushed: rapid.Bool().Draw(t, "pushed"), BootID: "boot",
	}
}

func (m *model) apply(t *rapid.T) {
	var ops []Op
	var wants []bool
	for range rapid.IntRange(1, 5).Draw(t, "ops") {
		op, fails := m.draw(t)
		ops, wants = append(ops, op), append(wants, fails)
	}
	err := m.s.Apply(context.Background(), ops...)
	if want := slices.Contains(wants, true); want != (err != nil) {
		t.Fatalf("failing ops: %v, but Apply says %v", wants, err)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
}

// draw draws an op, does it to the model, and tells whether it must fail.
func (m *model) draw(t *rapid.T) (op Op, fails bool) {
	c := drawClip(t)
	r, ok := m.rows[c.ID]
	answers := ok && !r.marked
	switch rapid.SampledFrom([]string{"see", "probed", "add", "rename", "mark", "unmark", "forget", "attach", "poster", "pin", "push", "partial", "cursor"}).Draw(t, "op") {
	case "see":
		if !ok {
			m.settle(row{Clip: Clip{ID: c.ID, Path: c.Path, Camera: c.Camera, Size: c.Size, Mtime: c.Mtime, Start: c.Start}, stage: StageSeen})
		}
		return See(c), false
	case "probed":
		if !ok || answers && r.stage != StageListed {
			m.settle(row{Clip: c, stage: StageProbed})
		}
		return Probed(c), false
	case "add":
		if !ok || answers && r.stage != StageListed {
			m.add(c)
		}
		return Add(c, Scan), false
	case "rename":
		return m.rename(t, c)
	case "mark":
		if answers {
			r.marked, r.reason = true, "age"
			m.rows[c.ID] = r
		}
		return Mark(c.ID, "age"), !ok
	case "unmark":
		if ok {
			r.marked, r.reason = false, ""
			m.rows[c.ID] = r
		}
		return Unmark(c.ID), !ok
	case "forget":
		if ok {
			m.remove(r, "gone")
		}
		return Forget(c.ID, "gone"), !ok
	case "attach":
		poster := rapid.SampledFrom([]string{"", "p.jpg"}).Draw(t, "poster")
		if answers {
			if poster != "" || r.Poster != MadePoster {
				r.Poster = poster
			}
			r.Sidecars = []string{"x.srt"}
			m.rows[c.ID] = r
		}
		return Attach(c.ID, []string{"x.srt"}, poster), !answers
	case "poster":
		switch {
		case !answers:
		case c.Pushed && r.Poster == "":
			r.Poster = MadePoster
		case !c.Pushed && r.Poster == MadePoster:
			r.Poster = ""
		}
		if answers {
			m.rows[c.ID] = r
		}
		return HavePoster(c.ID, c.Pushed), !answers
	case "pin":
		pinned := rapid.Bool().Draw(t, "pinned")
		if answers {
			m.setPin(r, pinned)
		}
		return Pin(c.ID, pinned), !answers
	case "push":
		if answers {
			r.Pushed = c.Pushed
			m.rows[c.ID] = r
		}
		return SetPushed(c.ID, c.Pushed), !answers
	case "partial":
		if c.Pushed {
			m.partials[c.Path] = true
			return SetPartial(Partial{Path: c.Path, Reason: "being written", Since: epoch}), false
		}
		delete(m.partials, c.Path)
		return ClearPartial(c.Path), false
	}
	m.cursors["announcer"] = uint64(c.Size)
	return SetCursor("announcer", uint64(c.Size)), false
}

func (m *model) rename(t *rapid.T, c Clip) (Op, bool) {
	old := drawClip(t).ID
	from, ok := m.rows[old]
	op := Rename(old, c, "renamed")
	if !ok || from.marked {
		return op, true
	}
	if old == c.ID {
		return op, false
	}
	pinned := from.Pinned || m.pins[c.ID]
	c.Pushed = c.Pushed || from.Pushed
	m.remove(from, "renamed")
	if pinned {
		m.pins[c.ID] = true
	}
	if prev, ok := m.rows[c.ID]; ok && prev.listed() {
		m.setPin(prev, pinned)
	} else {
		m.add(c)
	}
	return op, false
}

func (m *model) settle(r row) {
	for id, other := range m.rows {
		if other.Path == r.Path && id != r.ID {
			m.remove(other, reasonReplaced)
		}
	}
	r.Pinned = m.pins[r.ID]
	m.rows[r.ID] = r
}

func (m *model) add(c Clip) {
	m.settle(row{Clip: c, stage: StageListed})
	delete(m.partials, c.Path)
	m.events = append(m.events, told{ClipAdded, c.ID, "", m.rows[c.ID].Pinned})
}

func (m *model) remove(r row, reason string) {
	delete(m.rows, r.ID)
	delete(m.pins, r.ID)
	if r.stage == StageListed {
		m.events = append(m.events, told{ClipRemoved, r.ID, reason, r.Pinned})
	}
}

func (m *model) setPin(r row, pinned bool) {
	delete(m.pins, r.ID)
	if pinned {
		m.pins[r.ID] = true
	}
	if r.Pinned == pinned {
		return
	}
	r.Pinned = pinned
	m.rows[r.ID] = r
	if kind := map[bool]EventType{true: ClipPinned, false: ClipUnpinned}[pinned]; r.stage == StageListed {
		m.events = append(m.events, told{kind, r.ID, "", pinned})
	}
}

func (m *model) check(t *rapid.T) {
	if err := m.s.db.View(recountAll); err != nil {
		t.Fatal(err)
	}
	m.checkRows(t)
	m.checkLists(t)
	m.checkJournal(t)
	m.checkPins(t)
}

func (m *model) checkRows(t *rapid.T) {
	var known, pending int
	for id, r := range m.rows {
		c, stage, err := m.s.Clip(id)
		at, _, errAt := m.s.ClipAt(r.Path)
		if r.marked {
			if !errors.Is(err, ErrNotFound) || !errors.Is(errAt, ErrNotFound) {
				t.Fatalf("marked clip answers: %v %v", err, errAt)
			}
		} else if err != nil || errAt != nil || stage != r.stage || !reflect.DeepEqual(c, r.Clip) || !reflect.DeepEqual(at, c) {
			t.Fatalf("%v %v\ngot  %d %+v\nwant %d %+v", err, errAt, stage, c, r.stage, r.Clip)
		}
		known++
		if r.stage != StageListed && !r.marked {
			pending++
		}
	}
	paths, err := m.s.PathsFrom("", 100)
	if err != nil || len(paths) != known {
		t.Fatalf("%d paths, not %d (%v)", len(paths), known, err)
	}
	var got int
	for _, stage := range []Stage{StageSeen, StageProbed} {
		clips, err := m.s.Pending(stage, ID{}, 100)
		if err != nil || !slices.IsSortedFunc(clips, func(a, b Clip) int { return bytes.Compare(b.ID[:], a.ID[:]) }) {
			t.Fatalf("pending: %v %v", clips, err)
		}
		got += len(clips)
	}
	totals, err := m.s.Totals()
	if err != nil || totals.Pending != pending || got != pending || totals.Partials != len(m.partials) {
		t.Fatalf("%+v %d, not %d (%v)", totals, got, pending, err)
	}
}

// listing is what a query must give.
func (m *model) listing(q Query) []ID {
	var clips []Clip
	for _, r := range m.rows {
		yes := func(want *bool, is bool) bool { return want == nil || *want == is }
		if r.listed() && (q.Camera == "" || q.Camera == r.Camera) && yes(q.Pinned, r.Pinned) && yes(q.Pushed, r.Pushed) &&
			yes(q.Complete, r.Complete) && !r.Start.Before(q.From) && (q.To.IsZero() || r.Start.Before(q.To)) {
			clips = append(clips, r.Clip)
		}
	}
	slices.SortFunc(clips, func(a, b Clip) int {
		x, y := spotOf(&a), spotOf(&b)
		return bytes.Compare(y[:], x[:])
	})
	if q.Order == OldestFirst {
		slices.Reverse(clips)
	}
	ids := make([]ID, len(clips))
	for i := range clips {
		ids[i] = clips[i].ID
	}
	return ids
}

func (m *model) checkLists(t *rapid.T) {
	maybe := func(name string) *bool { return rapid.SampledFrom([]*bool{nil, new(bool), ptr(true)}).Draw(t, name) }
	q := Query{
		Camera: rapid.SampledFrom([]string{"", "front", "back", "none"}).Draw(t, "camera"),
		Pinned: maybe("pinned"), Pushed: maybe("pushed"), Complete: maybe("complete"),
		Order: Order(rapid.IntRange(0, 1).Draw(t, "order")), Limit: rapid.IntRange(1, 3).Draw(t, "limit"),
	}
	if rapid.Bool().Draw(t, "bounded") {
		q.From, q.To = epoch.Add(-41*time.Minute), epoch.Add(79*time.Minute)
	}
	want := m.listing(q)
	var got []ID
	for {
		page, err := m.s.List(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Clips {
			got = append(got, c.ID)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%+v lists %v, not %v", q, got, want)
	}
	m.checkEnds(t)
}

func ptr[T any](v T) *T { return &v }

func (m *model) checkEnds(t *rapid.T) {
	all := m.listing(Query{})
	latest, err := m.s.Latest("")
	if len(all) == 0 && !errors.Is(err, ErrNotFound) || len(all) > 0 && latest.ID != all[0] {
		t.Fatalf("latest %v %v", latest.ID, err)
	}
	i := slices.IndexFunc(all, func(id ID) bool { return m.rows[id].Poster != "" })
	poster, err := m.s.LatestPoster()
	if i < 0 && !errors.Is(err, ErrNotFound) || i >= 0 && poster.ID != all[i] {
		t.Fatalf("latest poster %v %v", poster.ID, err)
	}
	cameras, err := m.s.Cameras()
	if err != nil {
		t.Fatal(err)
	}
	clips := 0
	for _, c := range cameras {
		mine := m.listing(Query{Camera: c.Name})
		clips += c.Clips
		if len(mine) != c.Clips || c.Clips > 0 && !c.Newest.Equal(m.rows[mine[0]].Start.Truncate(time.Millisecond)) {
			t.Fatalf("%+v has %v", c, mine)
		}
	}
	spans, err := m.s.Timeline("", epoch.Add(-24*time.Hour), epoch.Add(24*time.Hour), 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, sp := range spans {
		clips -= sp.Clips
	}
	if clips != 0 {
		t.Fatalf("the timeline and the cameras differ by %d clips", clips)
	}
}

func (m *model) checkJournal(t *rapid.T) {
	events, gap, err := m.s.Events(0, 10_000)
	if err != nil || gap {
		t.Fatal(gap, err)
	}
	var got []told
	last := uint64(0)
	for _, e := range events {
		got = append(got, told{e.Type, e.Clip.ID, e.Reason, e.Clip.Pinned})
		if e.Seq <= last {
			t.Fatalf("seq %d after %d", e.Seq, last)
		}
		last = e.Seq
	}
	if !slices.Equal(got, m.events) {
		t.Fatalf("journal\n%v, not\n%v", got, m.events)
	}
	for name, want := range m.cursors {
		if seq, ok, err := m.s.Cursor(name); err != nil || !ok || seq != want {
			t.Fatalf("cursor %s: %d %v %v", name, seq, ok, err)
		}
	}
}

func (m *model) checkPins(t *rapid.T) {
	p := readPins(m.dir)
	if p.unreadable != nil {
		t.Fatal(p.unreadable)
	}
	got := slices.SortedFunc(maps.Keys(p.kept), func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	want := slices.SortedFunc(maps.Keys(m.pins), func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	if !slices.Equal(got, want) {
		t.Fatalf("pins %v, not %v", got, want)
	}
}
