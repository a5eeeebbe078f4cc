package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Op is one change; Apply runs it. Ops are made by the functions below and may be applied once or more.
type Op struct {
	what  string // for errors
	run   func(x *change) error
	frees bool // it makes room: on a full disk it goes first
}

// Reasons that the store itself gives in clip_removed.
const reasonReplaced = "replaced by another file of that name"

// See notes a file met by the first pass of a scan (only ID, Path, Camera, Size, Mtime, Start are read): from now on
// its id answers. If its path was known under another id, that clip is removed in the same transaction
// (and reported as such if it was listed). Seeing what is known changes nothing.
func See(c Clip) Op {
	seen := Clip{ID: c.ID, Path: c.Path, Camera: c.Camera, Size: c.Size, Mtime: c.Mtime, Start: c.Start}
	return Op{what: "seeing " + c.Path, run: func(x *change) error {
		prev, rival, err := x.meet(&seen)
		if err != nil || prev != nil {
			return err
		}
		return x.settle(nil, rival, row{Clip: seen, stage: StageSeen})
	}}
}

// Probed keeps what probing c found, at StageProbed, for the hash pass to finish. No event. Where c is listed already, or
// marked for removal, it changes nothing.
func Probed(c Clip) Op {
	return Op{what: "keeping what is in " + c.Path, run: func(x *change) error {
		prev, rival, err := x.meet(&c)
		if err != nil || prev != nil && (prev.marked || prev.stage == StageListed) {
			return err
		}
		return x.settle(prev, rival, row{Clip: c, stage: StageProbed})
	}}
}

// Add lists c and writes its clip_added. Another clip at the same path is removed first, with its own event, in the
// same transaction; a partial at the path is forgotten. Adding a clip that is listed already (or marked for removal)
// changes nothing. A pin kept in state/pins is applied, c.Pinned is not read; an empty BootID is filled in.
func Add(c Clip, origin Origin) Op {
	return Op{what: "adding " + c.Path, run: func(x *change) error {
		prev, rival, err := x.meet(&c)
		if err != nil || prev != nil && (prev.marked || prev.stage == StageListed) {
			return err
		}
		return x.add(prev, rival, c, origin)
	}}
}

// Rename removes old and adds c (same content elsewhere, or a changed mtime) in one transaction, as live; c takes over
// the pin, the pushes and acks, and that it was pushed. reason is told in clip_removed. ErrNotFound if old is not known.
func Rename(old ID, c Clip, reason string) Op {
	return Op{what: fmt.Sprintf("renaming clip %s to %s", old, c.Path), run: func(x *change) error {
		if _, err := x.answering(old); err != nil || old == c.ID {
			return err
		}
		prev, rival, err := x.meet(&c)
		if err != nil {
			return err
		}
		if rival != nil && rival.ID == old {
			rival = nil
		}
		from, err := x.restore(old)
		if err != nil {
			return err
		}
		c := c
		c.Pushed = c.Pushed || from.Pushed
		if from.StartSource == StartCorrected && c.Mtime.Equal(from.Mtime) {
			c.Start, c.StartSource = from.Start, from.StartSource
		}
		pinned := from.Pinned || x.pins.keeps(c.ID)
		along, err := x.carry(old)
		if err != nil {
			return err
		}
		if err := x.remove(from, reason); err != nil {
			return err
		}
		if pinned && x.pins.kept.unreadable == nil {
			if err := x.pins.keep(c.ID, true, x.task); err != nil {
				return err
			}
		}
		if prev != nil && prev.listed() {
			err = x.pin(prev, pinned)
		} else {
			err = x.add(prev, rival, c, Live)
		}
		if err != nil {
			return err
		}
		return x.hand(along, c.ID)
	}}
}

// meet checks c and returns the row it already has and the row of another clip at its path.
func (x *change) meet(c *Clip) (prev, rival *row, err error) {
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	if prev, err = x.lookup(c.ID); err != nil {
		return nil, nil, err
	}
	if prev != nil && prev.Path != c.Path {
		return nil, nil, fmt.Errorf("%w: %s has its id %s", ErrBadClip, prev.Path, c.ID)
	}
	rival, err = x.rival(c)
	return prev, rival, err
}

// settle puts next in the place of prev and of a rival at its path, with the pin that was kept for it.
func (x *change) settle(prev, rival *row, next row) error {
	if rival != nil {
		if err := x.remove(rival, reasonReplaced); err != nil {
			return err
		}
	}
	next.Pinned = x.pins.keeps(next.ID)
	if next.BootID == "" && next.stage != StageSeen {
		next.BootID, next.ClockSynced = x.bootID, x.synced
	}
	x.boot.correct(&next, x.now)
	return x.replace(prev, &next)
}

func (x *change) add(prev, rival *row, c Clip, origin Origin) error {
	next := row{Clip: c, stage: StageListed}
	if err := x.settle(prev, rival, next); err != nil {
		return err
	}
	if err := x.clearPartial(c.Path); err != nil {
		return err
	}
	added, err := x.restore(c.ID)
	if err != nil {
		return err
	}
	return x.tell(Event{Type: ClipAdded, Origin: origin, Clip: added.Clip})
}

// Mark notes that id is about to be deleted, before its file is unlinked (invariant 4). The clip is no longer listed
// and no longer answers. Marking what is marked changes nothing. ErrNotFound.
func Mark(id ID, reason string) Op {
	return Op{what: "marking clip " + id.String(), frees: true, run: func(x *change) error {
		r, err := x.lookup(id)
		if err != nil || r != nil && r.marked {
			return err
		}
		if r == nil {
			return ErrNotFound
		}
		next := *r
		next.marked, next.reason = true, reason
		return x.replace(r, &next)
	}}
}

// Unmark takes Mark back, where the file could not be unlinked: the clip is what it was. No event. ErrNotFound.
func Unmark(id ID) Op {
	return Op{what: "unmarking clip " + id.String(), run: func(x *change) error {
		r, err := x.lookup(id)
		if err != nil || r != nil && !r.marked {
			return err
		}
		if r == nil {
			return ErrNotFound
		}
		next := *r
		next.marked, next.reason = false, ""
		return x.replace(r, &next)
	}}
}

// Forget ends a removal: the row goes and (if the clip had been listed) clip_removed is written, together. It needs no
// Mark where the file is gone already. An empty reason is the one given to Mark. ErrNotFound if id is not known.
func Forget(id ID, reason string) Op {
	return Op{what: "forgetting clip " + id.String(), frees: true, run: func(x *change) error {
		r, err := x.lookup(id)
		if err != nil {
			return err
		}
		if r == nil {
			return ErrNotFound
		}
		if reason == "" {
			return x.remove(r, r.reason)
		}
		return x.remove(r, reason)
	}}
}

// Attach sets the sidecars and poster of a clip; a poster that was made stays where there is no other. No event.
// ErrNotFound.
func Attach(id ID, sidecars []string, poster string) Op {
	return Op{what: "attaching to clip " + id.String(), run: func(x *change) error {
		r, err := x.answering(id)
		if err != nil {
			return err
		}
		if poster == "" && r.Poster == MadePoster {
			poster = MadePoster
		}
		if r.Poster == poster && slices.Equal(r.Sidecars, sidecars) {
			return nil
		}
		next := *r
		next.Sidecars, next.Poster = sidecars, poster
		if err := next.check(); err != nil {
			return err
		}
		return x.replace(r, &next)
	}}
}

// HavePoster notes that a poster has been made for a clip, or that it is gone again. A sidecar that is the clip's poster
// is left alone. No event. ErrNotFound.
func HavePoster(id ID, made bool) Op {
	was, will := MadePoster, ""
	if made {
		was, will = "", MadePoster
	}
	return Op{what: "noting the poster of clip " + id.String(), run: func(x *change) error {
		r, err := x.answering(id)
		if err != nil || r.Poster != was {
			return err
		}
		next := *r
		next.Poster = will
		return x.replace(r, &next)
	}}
}

// Pin keeps (or no longer keeps) a clip from retention: state/pins is on disk before the row and clip_pinned are.
// Pinning what is pinned writes no event, nor does pinning what is not listed yet. ErrNotFound.
func Pin(id ID, pinned bool) Op {
	return Op{what: "pinning clip " + id.String(), run: func(x *change) error {
		r, err := x.answering(id)
		if err != nil {
			return err
		}
		if x.pins.keeps(id) != pinned || x.pins.kept.unreadable != nil {
			if err := x.pins.keep(id, pinned, x.task); err != nil {
				return err
			}
			x.writes++
		}
		return x.pin(r, pinned)
	}}
}

func (x *change) pin(r *row, pinned bool) error {
	if r.Pinned == pinned {
		return nil
	}
	next := *r
	next.Pinned = pinned
	if err := x.replace(r, &next); err != nil || !next.listed() {
		return err
	}
	if pinned {
		return x.tell(Event{Type: ClipPinned, Clip: next.Clip})
	}
	return x.tell(Event{Type: ClipUnpinned, Clip: next.Clip})
}

// SetPushed notes whether every target that wanted the clip has it. No event. ErrNotFound.
func SetPushed(id ID, pushed bool) Op {
	return Op{what: "noting the push of clip " + id.String(), run: func(x *change) error {
		r, err := x.answering(id)
		if err != nil || r.Pushed == pushed {
			return err
		}
		next := *r
		next.Pushed = pushed
		return x.replace(r, &next)
	}}
}

// SetCursor moves the named cursor. It may go back.
func SetCursor(name string, seq uint64) Op {
	return Op{what: "moving cursor " + name, run: func(x *change) error {
		if name == "" || len(name) > maxCamera {
			return fmt.Errorf("a cursor's name has 1 to %d bytes", maxCamera)
		}
		key := []byte(name)
		return x.put(bucketCursors, key, seal(bucketCursors, key, binary.BigEndian.AppendUint64(nil, seq)))
	}}
}

// Note appends an event that is about no clip row (storage_problem, storage_ok, push_done …). Seq, BootID, ClockSynced
// and, if it is zero, Time are filled in.
func Note(e Event) Op {
	return Op{what: "noting " + string(e.Type), run: func(x *change) error {
		if n := e.Clip.length() + len(e.Reason) + len(e.Target); n > maxRecord {
			return fmt.Errorf("an event of %d bytes is too long", n)
		}
		return x.tell(e)
	}}
}

// SetPartial remembers why the file at p.Path is not settled; ClearPartial forgets it (no error if unknown).
func SetPartial(p Partial) Op {
	return Op{what: "keeping partial " + p.Path, run: func(x *change) error {
		if p.Path == "" || len(p.Path) > maxPath || len(p.Reason) > maxRecord {
			return errors.New("a partial's path or reason is empty or too long")
		}
		key := []byte(p.Path)
		if x.tx.Bucket(bucketPartial).Get(key) == nil {
			x.sums.partials++
		}
		return x.put(bucketPartial, key, seal(bucketPartial, key, p.append(nil)))
	}}
}

// ClearPartial forgets the partial at path.
func ClearPartial(path string) Op {
	return Op{what: "clearing partial " + path, frees: true, run: func(x *change) error { return x.clearPartial(path) }}
}

func (x *change) clearPartial(path string) error {
	key := []byte(path)
	if path == "" || x.tx.Bucket(bucketPartial).Get(key) == nil {
		return nil
	}
	x.sums.partials--
	return x.delete(bucketPartial, key)
}

// KeepRootID remembers the marker of the root this catalogue is about.
func KeepRootID(id string) Op {
	return Op{what: "keeping the root's id", run: func(x *change) error {
		id := strings.Clone(id)
		x.root = &id
		return x.put(bucketMeta, metaRoot, seal(bucketMeta, metaRoot, []byte(id)))
	}}
}
