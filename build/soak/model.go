package main

import (
	"sync"
)

// A fact is something the box has acknowledged, or something that was asked of it and may or may not have been done.
type fact struct {
	kind kind
	id   string // of the clip
	path string
	seq  uint64 // of an event
	text string // an event's type; a link
}

type kind byte

const (
	recorded  kind = iota // a file is durably there
	event                 // a row of the journal was read
	pinning               // asked for
	pinned                // answered
	deleting              // asked for
	deleted               // answered
	linked                // a link was handed out
	announced             // a clip_added came over MQTT
)

// model is the log of facts. What was noted before a power cut was acknowledged before it. Safe for concurrent use.
type model struct {
	mu    sync.Mutex
	facts []fact
}

func (m *model) note(f fact) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.facts = append(m.facts, f)
}

// while runs f so that nothing is noted meanwhile, and returns how many facts there are.
func (m *model) while(f func()) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	return len(m.facts)
}

// forget drops what was noted after the first n facts, but for what the world was told: that it knows, and the box, which
// told it before, must stand by it.
func (m *model) forget(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	late := m.facts[n:]
	m.facts = m.facts[:n]
	for _, f := range late {
		if f.kind == announced {
			m.facts = append(m.facts, f)
		}
	}
}

// expected is what must be true of one clip.
type expected struct {
	id, path  string
	recorded  bool
	added     bool
	announced bool
	pinned    bool
	pinning   bool // it may be pinned
	deleted   bool
	deleting  bool // it may be gone
	removed   bool // the journal says so
	link      string
}

// truth is everything that must be true.
type truth struct {
	clips  map[string]*expected // by path
	events map[uint64]fact      // by seq
	told   map[uint64]fact      // over MQTT, by seq
	last   uint64
	facts  int
	tried  int // links
}

// now replays the log.
func (m *model) now() truth {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := truth{clips: map[string]*expected{}, events: map[uint64]fact{}, told: map[uint64]fact{}, facts: len(m.facts)}
	for _, f := range m.facts {
		t.learn(f)
	}
	return t
}

func (t *truth) learn(f fact) {
	c := t.clips[f.path]
	if c == nil {
		c = &expected{path: f.path}
		t.clips[f.path] = c
	}
	if f.id != "" {
		c.id = f.id
	}
	switch f.kind {
	case recorded:
		c.recorded = true
	case event:
		t.events[f.seq] = f
		t.last = max(t.last, f.seq)
		c.added = c.added || f.text == "clip_added"
		c.removed = c.removed || f.text == "clip_removed"
	case pinning:
		c.pinning = true
	case pinned:
		c.pinned = true
	case deleting:
		c.deleting = true
	case deleted:
		c.deleted = true
	case linked:
		c.link = f.text
	case announced:
		c.announced, c.added = true, true
		t.told[f.seq] = f
	}
}

// there reports whether the clip must be there: nobody has asked for its end.
func (c *expected) there() bool { return !c.deleting && !c.deleted }
