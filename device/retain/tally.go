package retain

import (
	"maps"
	"slices"
	"time"

	"clipd/store"
)

// followRows is how many journal rows are read at once.
const followRows = 500

// count is what a class has of one camera.
type count struct {
	clips int
	bytes int64
}

// tally counts the clips of each class by camera. It walks the catalogue once and then follows the journal.
type tally struct {
	rules   *Rules
	store   *store.Store
	counted bool
	seq     uint64
	classes []map[string]count // by class, then camera
}

// follow brings the counts up to date. It blocks for a walk of the catalogue the first time, and where the journal no
// longer has what happened since. Without classes there is nothing to count.
func (t *tally) follow() error {
	if len(t.rules.Classes) == 0 {
		return nil
	}
	for t.counted {
		events, gap, err := t.store.Events(t.seq, followRows)
		if err != nil {
			return err
		}
		if gap {
			break
		}
		for i := range events {
			t.note(&events[i])
		}
		if len(events) < followRows {
			return nil
		}
	}
	return t.recount()
}

func (t *tally) recount() (err error) {
	t.classes = make([]map[string]count, len(t.rules.Classes)+1)
	for i := range t.classes {
		t.classes[i] = map[string]count{}
	}
	t.seq, err = t.store.Walk(func(c store.Clip) { t.add(&c, 1) })
	t.counted = err == nil
	t.store.Trim()
	return err
}

func (t *tally) note(e *store.Event) {
	t.seq = e.Seq
	switch e.Type {
	case store.ClipAdded:
		t.add(&e.Clip, 1)
	case store.ClipRemoved:
		t.add(&e.Clip, -1)
	}
}

func (t *tally) add(c *store.Clip, n int) {
	class := t.classes[t.rules.class(c)]
	k := class[c.Camera]
	k.clips += n
	k.bytes += int64(n) * c.Size
	if k.clips == 0 {
		delete(class, c.Camera)
		return
	}
	class[c.Camera] = k
}

// sum is what a class has of all cameras.
func (t *tally) sum(class int) (total count) {
	if !t.counted {
		return total
	}
	for _, k := range t.classes[class] {
		total.clips += k.clips
		total.bytes += k.bytes
	}
	return total
}

// cameras that a class has clips of, by name.
func (t *tally) cameras(class int) []string { return slices.Sorted(maps.Keys(t.classes[class])) }

// shortest is the shortest age that counts for clips of camera; 0: none does.
func (t *tally) shortest(camera string) time.Duration {
	if len(t.rules.Classes) == 0 {
		return t.rules.Age
	}
	var shortest time.Duration
	for class, cameras := range t.classes {
		if age := t.rules.age(class); cameras[camera].clips > 0 && age > 0 && (shortest == 0 || age < shortest) {
			shortest = age
		}
	}
	return shortest
}
