package watch

import (
	"slices"
	"strings"
)

// none is no watch. The kernel's numbers start at 1.
const none int32 = -1

// deepest is more folders than a path can have, PATH_MAX: a longer chain is a circle.
const deepest = 4096 / 2

// folder is what a watched folder is called, and in which other one. Paths are made when they are needed: a folder that
// is renamed takes all beneath it along, and ten thousand of them take less than a megabyte.
type folder struct {
	parent int32
	round  uint8 // of the last placing that met it
	name   string
}

// table knows the watched folders by the kernel's numbers. A number is never used twice (until 2^31 of them were), so an
// event of a watch that has ended meets nothing, inotify(7) "Bugs".
type table struct {
	root  int32
	round uint8
	by    map[int32]folder
}

func (t *table) init() { t.root, t.by = none, make(map[int32]folder) }

func (t *table) has(wd int32) bool {
	_, ok := t.by[wd]
	return ok || wd == t.root
}

// path is name (or nothing) in wd. false if wd is not connected to the root.
func (t *table) path(wd int32, name string) (string, bool) {
	names := make([]string, 0, 32)
	if name != "" {
		names = append(names, name)
	}
	for wd != t.root {
		f, ok := t.by[wd]
		if !ok || len(names) > deepest {
			return "", false
		}
		names = append(names, f.name)
		wd = f.parent
	}
	slices.Reverse(names)
	return strings.Join(names, "/"), true
}

// bind notes that wd is called name in parent. It refuses a folder that holds parent (one bind-mounted into itself), which would
// close a circle.
func (t *table) bind(wd, parent int32, name string) bool {
	if t.within(parent, wd) {
		return false
	}
	f, ok := t.by[wd]
	if !ok || f.name != name {
		f.name = strings.Clone(name)
	}
	f.parent, f.round = parent, t.round
	t.by[wd] = f
	return true
}

// within says whether wd is top or beneath it.
func (t *table) within(wd, top int32) bool {
	for range deepest {
		if wd == top {
			return true
		}
		f, ok := t.by[wd]
		if !ok {
			return false
		}
		wd = f.parent
	}
	return true
}

// at returns the folders called name in parent. There are two for a moment when events are late: see moved.
func (t *table) at(parent int32, name string) (found []int32) {
	for wd, f := range t.by {
		if f.parent == parent && f.name == name {
			found = append(found, wd)
		}
	}
	return found
}

// beneath returns top and all folders beneath it.
func (t *table) beneath(top int32) (found []int32) {
	for wd := range t.by {
		if t.within(wd, top) {
			found = append(found, wd)
		}
	}
	return found
}

// stale returns the folders that the last round did not meet.
func (t *table) stale() (found []int32) {
	for wd, f := range t.by {
		if f.round != t.round {
			found = append(found, wd)
		}
	}
	return found
}
