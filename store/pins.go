package store

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const pinsFile = "pins"

// pins is state/pins: the ids people decided to keep, one on a line, and a last line with their CRC-32C. It is the
// truth; the pin in a clip's row is a copy. Only the writer changes it.
type pins struct {
	dir        string
	kept       map[ID]struct{}
	missing    bool  // there was no file
	unreadable error // there is one, but what it says is not known
}

func readPins(dir string) *pins {
	p := &pins{dir: dir, kept: map[ID]struct{}{}}
	data, err := os.ReadFile(filepath.Join(dir, pinsFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.missing = true
	case err != nil:
		p.unreadable = fmt.Errorf("reading the pins: %w", err)
	default:
		p.unreadable = p.parse(data)
	}
	return p
}

func (p *pins) parse(data []byte) error {
	const advice = "nothing is deleted until it is restored, or removed: the next start then takes the pins from the catalogue"
	body, last, ok := bytes.Cut(data, []byte("#"))
	if !ok || string(last) != pinsTrailer(body) {
		return fmt.Errorf("%s is damaged; %s", filepath.Join(p.dir, pinsFile), advice)
	}
	for line := range strings.Lines(string(body)) {
		id, err := ParseID(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return fmt.Errorf("%s: %w; %s", filepath.Join(p.dir, pinsFile), err, advice)
		}
		p.kept[id] = struct{}{}
	}
	return nil
}

func pinsTrailer(body []byte) string { return fmt.Sprintf(" %08x\n", crc32.Checksum(body, castagnoli)) }

func writePins(dir string, ids []ID) error {
	slices.SortFunc(ids, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	var body []byte
	for _, id := range ids {
		body = append(append(body, id.String()...), '\n')
	}
	return WriteFile(dir, pinsFile, append(body, "#"+pinsTrailer(body)...), 0o600)
}

// pinChange is what a change does to the pins. Decisions are on disk before the change is; the pins of clips that are
// gone leave it afterwards, since a crash in between must not unpin what is still there.
type pinChange struct {
	kept   *pins
	decide map[ID]bool
	gone   map[ID]struct{}
	by     []*task // whose decisions these are
}

// keeps reports whether id is pinned, as far as the change has come.
func (p *pinChange) keeps(id ID) bool {
	if want, ok := p.decide[id]; ok {
		return want
	}
	if _, ok := p.gone[id]; ok {
		return false
	}
	_, ok := p.kept.kept[id]
	return ok
}

func (p *pinChange) keep(id ID, want bool, by *task) error {
	if p.kept.unreadable != nil {
		return p.kept.unreadable
	}
	if p.decide == nil {
		p.decide = map[ID]bool{}
	}
	p.decide[id] = want
	delete(p.gone, id)
	p.by = append(p.by, by)
	return nil
}

func (p *pinChange) drop(id ID) {
	if !p.keeps(id) {
		return
	}
	if p.gone == nil {
		p.gone = map[ID]struct{}{}
	}
	delete(p.decide, id)
	p.gone[id] = struct{}{}
}

// before writes what the file holds while the change is being committed.
func (p *pinChange) before() error {
	if len(p.decide) == 0 {
		return nil
	}
	return writePins(p.kept.dir, p.ids(false))
}

// after makes the change the truth, once it is committed.
func (p *pinChange) after() error {
	for id, want := range p.decide {
		if want {
			p.kept.kept[id] = struct{}{}
		} else {
			delete(p.kept.kept, id)
		}
	}
	for id := range p.gone {
		delete(p.kept.kept, id)
	}
	if len(p.gone) == 0 {
		return nil
	}
	return writePins(p.kept.dir, p.ids(true))
}

// undo puts back what before replaced, after a commit that did not happen.
func (p *pinChange) undo() error {
	if len(p.decide) == 0 {
		return nil
	}
	p.decide, p.gone = nil, nil
	return writePins(p.kept.dir, p.ids(false))
}

func (p *pinChange) ids(withoutGone bool) []ID {
	ids := make([]ID, 0, len(p.kept.kept)+len(p.decide))
	for id := range p.kept.kept {
		_, gone := p.gone[id]
		if _, decided := p.decide[id]; !decided && !(withoutGone && gone) {
			ids = append(ids, id)
		}
	}
	for id, want := range p.decide {
		if want {
			ids = append(ids, id)
		}
	}
	return ids
}

// legiblePins returns what can be read in a damaged state/pins.
func legiblePins(dir string) map[ID]struct{} {
	ids := map[ID]struct{}{}
	data, _ := os.ReadFile(filepath.Join(dir, pinsFile)) // a file that cannot be read has none
	for line := range strings.Lines(string(data)) {
		if id, err := ParseID(strings.TrimSuffix(line, "\n")); err == nil {
			ids[id] = struct{}{}
		}
	}
	return ids
}
