package retain

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"clipd/store"
)

// TestModel makes random boxes and compares what retention deletes with what a model of the rules, which knows nothing of
// walks, pages and counts, lets it delete and says must go.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBox(t, Rules{})
		defer b.store.Close()
		m := &model{box: b, t: rt, clips: map[store.ID]*modelClip{}}
		m.rules()
		for range rapid.IntRange(1, 6).Draw(rt, "rounds") {
			m.change()
			m.judged()
		}
	})
}

type modelClip struct {
	store.Clip
	pinned, fetched, acked, waiting bool
}

type model struct {
	*box
	t       *rapid.T
	clips   map[store.ID]*modelClip
	n       int
	trusted bool
}

func (m *model) rules() {
	hours := func(name string) time.Duration {
		return time.Duration(rapid.SampledFrom([]int{0, 0, 5, 20, 100}).Draw(m.t, name)) * time.Hour
	}
	bytes := func(name string) int64 { return rapid.SampledFrom([]int64{0, 0, 10, 40, 200}).Draw(m.t, name) }
	r := Rules{Age: hours("age"), Size: bytes("size"), Free: bytes("free"), LastResort: rapid.Bool().Draw(m.t, "last resort")}
	for i := range rapid.IntRange(0, 2).Draw(m.t, "classes") {
		c := Class{Name: fmt.Sprint("class", i), Age: hours("class age"), Size: bytes("class size")}
		if rapid.Bool().Draw(m.t, "by camera") {
			c.Camera = rapid.SampledFrom([]string{"a", "b/x"}).Draw(m.t, "camera")
		} else {
			prefix := rapid.SampledFrom([]string{"a/1", "b/", "c"}).Draw(m.t, "prefix")
			c.Match = func(p string) bool { return strings.HasPrefix(p, prefix) }
		}
		r.Classes = append(r.Classes, c)
	}
	if rapid.Bool().Draw(m.t, "undelivered") {
		r.Undelivered = []string{"nas"}
	}
	m.disk = 300
	m.restart(r)
}

// change records clips, and has people and consumers do something.
func (m *model) change() {
	for range rapid.IntRange(0, 25).Draw(m.t, "new") {
		m.n++
		folder := rapid.SampledFrom([]string{"a", "b/x", "b/y", "c"}).Draw(m.t, "folder")
		start := m.now().Add(-time.Duration(rapid.IntRange(0, 120*60).Draw(m.t, "minutes ago")) * time.Minute)
		c := m.add(fmt.Sprintf("%s/%d-%d.mp4", folder, m.n%3, m.n), rapid.Int64Range(1, 12).Draw(m.t, "size"), start)
		k := &modelClip{Clip: c, pinned: rapid.IntRange(0, 5).Draw(m.t, "pin") == 0, fetched: rapid.IntRange(0, 5).Draw(m.t, "fetch") == 0,
			acked: rapid.IntRange(0, 2).Draw(m.t, "ack") > 0, waiting: rapid.IntRange(0, 7).Draw(m.t, "push") == 0}
		m.clips[c.ID] = k
		ops := []store.Op{store.Pin(c.ID, k.pinned)}
		if k.acked {
			ops = append(ops, store.Ack("nas", c.ID, nil))
		}
		if k.waiting {
			ops = append(ops, store.Enqueue(store.Push{ID: c.ID, Target: "archive"}))
		}
		m.must(m.store.Apply(m.box.t.Context(), ops...))
		m.fetching[c.ID] = k.fetched
	}
	for _, k := range m.sorted() {
		switch rapid.IntRange(0, 9).Draw(m.t, "happens") {
		case 0:
			k.pinned = !k.pinned
			m.must(m.store.Apply(m.box.t.Context(), store.Pin(k.ID, k.pinned)))
		case 1:
			k.acked = true
			m.must(m.store.Apply(m.box.t.Context(), store.Ack("nas", k.ID, nil)))
		case 2:
			k.fetched = !k.fetched
			m.fetching[k.ID] = k.fetched
		}
	}
	m.pass(time.Duration(rapid.IntRange(0, 30).Draw(m.t, "hours")) * time.Hour)
	m.trusted = rapid.IntRange(0, 4).Draw(m.t, "trusted") > 0
	m.unsynced.Store(!m.trusted)
	m.off = ""
	if rapid.IntRange(0, 9).Draw(m.t, "off") == 0 {
		m.off = "off"
	}
}

// sorted are the clips there are, oldest first as listings have them.
func (m *model) sorted() (all []*modelClip) {
	for _, k := range m.clips {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b *modelClip) int {
		if n := a.Start.Compare(b.Start); n != 0 {
			return n
		}
		return strings.Compare(a.ID.String(), b.ID.String())
	})
	return all
}

func (m *model) held(k *modelClip) bool {
	return k.waiting || len(m.r.Rules.Undelivered) > 0 && !k.acked
}

func (m *model) loose(k *modelClip) bool { return !k.pinned && !k.fetched && !m.held(k) }

func (m *model) due(k *modelClip) bool {
	age := m.r.Rules.age(m.r.Rules.class(&k.Clip))
	return m.trusted && age > 0 && m.now().Sub(k.Start) > age
}

// over is by how many bytes a rule about space is broken, given what there is; negative if it is not.
func (m *model) over(rule rule, class int) (over, slack int64) {
	var all, own int64
	for _, k := range m.clips {
		all += k.Size
		if m.r.Rules.class(&k.Clip) == class {
			own += k.Size
		}
	}
	switch rule {
	case byQuota:
		return own - m.r.Rules.Classes[class].Size, m.r.Rules.Classes[class].Size / 10
	case bySize:
		return all - m.r.Rules.Size, m.r.Rules.Size / 10
	}
	return m.r.Rules.Free - (m.disk - all), m.r.Rules.Free / 10
}

// judged lets retention work and judges each deletion when it happens, and the end.
func (m *model) judged() {
	m.box.judge = func(d Doomed) { m.judge(d) }
	m.run()
	for _, k := range m.sorted() {
		if !m.has(k.Clip) {
			m.t.Fatalf("%s is gone, and nobody deleted it", k.Path)
		}
	}
	if m.off != "" {
		return
	}
	for _, k := range m.sorted() {
		if m.due(k) && m.loose(k) {
			m.t.Fatalf("%s is due and still there", k.Path)
		}
	}
	m.kept(bySize, 0, m.r.Rules.Size)
	m.kept(byFree, 0, m.r.Rules.Free)
	for i, c := range m.r.Rules.Classes {
		m.kept(byQuota, i, c.Size)
	}
}

// kept fails where a rule about space is broken although a clip might go.
func (m *model) kept(rule rule, class int, limit int64) {
	if over, _ := m.over(rule, class); limit == 0 || over <= 0 {
		return
	}
	for _, k := range m.sorted() {
		if !k.pinned && (!m.held(k) || m.r.Rules.LastResort) && (rule != byQuota || m.r.Rules.class(&k.Clip) == class) {
			m.t.Fatalf("rule %d of class %d is broken, and %s is still there", rule, class, k.Path)
		}
	}
}

// judge fails unless d may go now for the reason it has.
func (m *model) judge(d Doomed) {
	k := m.clips[d.ID]
	switch {
	case k == nil:
		m.t.Fatalf("%s was deleted twice", d.Path)
	case k.pinned || m.off != "":
		m.t.Fatalf("%s was deleted though pinned (%v), or off (%q)", d.Path, k.pinned, m.off)
	case strings.HasPrefix(d.Reason, "older than"):
		if !m.due(k) || !m.loose(k) {
			m.t.Fatalf("%s, of %v, was deleted at %v: %s", d.Path, d.Start, m.now(), d.Reason)
		}
	default:
		m.judgeSpace(k, d.Reason)
	}
	delete(m.clips, d.ID)
}

func (m *model) judgeSpace(k *modelClip, reason string) {
	rule, class := bySize, m.r.Rules.class(&k.Clip)
	switch {
	case strings.HasPrefix(reason, "free space"):
		rule = byFree
	case strings.HasPrefix(reason, "keep.class"):
		rule = byQuota
	}
	if over, slack := m.over(rule, class); over+slack <= 0 {
		m.t.Fatalf("%s was deleted though there was room: %s", k.Path, reason)
	}
	if m.held(k) != strings.Contains(reason, lastResort) || m.held(k) && !m.r.Rules.LastResort {
		m.t.Fatalf("%s is waited for: %v; %s", k.Path, m.held(k), reason)
	}
	for _, other := range m.sorted() {
		if rule == byQuota && m.r.Rules.class(&other.Clip) != class || other.pinned {
			continue
		}
		if m.tier(other) < m.tier(k) || m.tier(other) == m.tier(k) && other.Start.Before(k.Start) {
			m.t.Fatalf("%s was deleted before %s: %s", k.Path, other.Path, reason)
		}
	}
}

func (m *model) tier(k *modelClip) tier {
	if m.held(k) {
		return held
	}
	if k.fetched {
		return fetched
	}
	return ordinary
}
