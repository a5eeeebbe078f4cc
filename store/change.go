package store

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// change is one write transaction in the making. Ops work on it; what they count is kept here and written at its end.
// It belongs to the writer.
type change struct {
	tx     *bolt.Tx
	now    time.Time
	synced bool
	bootID string

	sums    sums
	side    side
	limit   journalLimit
	jump    uint64 // what the next seq leaves out
	cameras map[string]*cameraRow
	hours   map[hour]*tally
	pins    pinChange
	root    *string // the root marker to keep, if it changes
	boot    *Boot   // what the clock of this boot shows, nil where nothing is known of it

	task    *task // whose op is running
	writes  int   // how many changes were made; an op that fails without any needs no rollback
	newest  ID    // the highest id at the beginning
	scatter bool  // a clip was put below newest
}

// begin starts a change.
func (s *Store) begin() (*change, error) {
	tx, err := s.db.Begin(true)
	if err != nil {
		return nil, fmt.Errorf("beginning a write transaction: %w", err)
	}
	x := &change{
		tx: tx, now: s.Now(), synced: s.Synced(), bootID: s.BootID, jump: s.jump, limit: s.journal, boot: s.boot,
		cameras: map[string]*cameraRow{}, hours: map[hour]*tally{}, pins: pinChange{kept: s.pins},
	}
	if x.sums, err = readSums(tx); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	if x.side, err = beginSide(tx); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	if k, _ := tx.Bucket(bucketClips).Cursor().Last(); len(k) == len(x.newest) {
		copy(x.newest[:], k)
	}
	return x, nil
}

func (x *change) put(bucket, key, value []byte) error {
	x.writes++
	if err := x.tx.Bucket(bucket).Put(key, value); err != nil {
		return fmt.Errorf("putting into %s: %w", bucket, err)
	}
	return nil
}

func (x *change) delete(bucket, key []byte) error {
	x.writes++
	if err := x.tx.Bucket(bucket).Delete(key); err != nil {
		return fmt.Errorf("deleting from %s: %w", bucket, err)
	}
	return nil
}

// lookup returns the row of id, nil if there is none.
func (x *change) lookup(id ID) (*row, error) { return found(readRow(x.tx, id)) }

// at returns the row of the clip at path, nil if there is none.
func (x *change) at(path string) (*row, error) { return found(readRowAt(x.tx, []byte(path))) }

func found[T any](r T, err error) (*T, error) {
	switch {
	case err == nil:
		return &r, nil
	case errors.Is(err, ErrDamaged) || !errors.Is(err, ErrNotFound):
		return nil, err
	}
	return nil, nil
}

// answering returns the row of id unless it is marked. ErrNotFound.
func (x *change) answering(id ID) (*row, error) {
	r, err := x.lookup(id)
	if err == nil && (r == nil || r.marked) {
		return nil, ErrNotFound
	}
	return r, err
}

// rival returns the row of another clip at c's path, nil if there is none.
func (x *change) rival(c *Clip) (*row, error) {
	r, err := x.at(c.Path)
	if err != nil || r == nil || r.ID == c.ID {
		return nil, err
	}
	return r, nil
}

// replace puts next where prev was (either may be nil), and keeps every index, total and count in step with it. It is
// the only place where clip rows are written.
func (x *change) replace(prev, next *row) error {
	was, is := placeOf(prev), placeOf(next)
	if was != is {
		if err := errors.Join(x.displace(prev, was), x.place(next, is)); err != nil {
			return err
		}
	}
	if prev != nil && (next == nil || next.Path != prev.Path) {
		if err := x.delete(bucketPaths, []byte(prev.Path)); err != nil {
			return err
		}
	}
	if next == nil {
		return x.delete(bucketClips, prev.ID[:])
	}
	if prev == nil || prev.Path != next.Path {
		if err := x.put(bucketPaths, []byte(next.Path), bytes.Clone(next.ID[:])); err != nil {
			return err
		}
	}
	x.scatter = x.scatter || bytes.Compare(next.ID[:], x.newest[:]) < 0
	key := bytes.Clone(next.ID[:])
	return x.put(bucketClips, key, seal(bucketClips, key, appendRow(make([]byte, 0, 256), next)))
}

// place is everything about a row that indexes and counts depend on.
type place struct {
	kind   byte // one of those below, 0 for no row
	id     ID
	stage  Stage
	camera string
	facet  facet
	start  int64 // milliseconds
	size   int64
}

const (
	placeListed byte = iota + 1
	placePending
	placeMarked
)

func placeOf(r *row) place {
	switch {
	case r == nil:
		return place{}
	case r.marked:
		return place{kind: placeMarked, id: r.ID}
	case r.stage != StageListed:
		return place{kind: placePending, id: r.ID, stage: r.stage}
	}
	return place{placeListed, r.ID, r.stage, r.Camera, facetOf(&r.Clip), r.Start.UnixMilli(), r.Size}
}

const pendingKey = 1 + 10 // stage, id

func (p *place) pendingKey() []byte { return append([]byte{byte(p.stage)}, p.id[:]...) }

func (x *change) displace(r *row, p place) error {
	switch p.kind {
	case placeListed:
		return x.unlist(r)
	case placePending:
		x.sums.pending--
		return x.delete(bucketPending, p.pendingKey())
	case placeMarked:
		x.sums.marked--
		return x.delete(bucketMarked, bytes.Clone(p.id[:]))
	}
	return nil
}

func (x *change) place(r *row, p place) error {
	switch p.kind {
	case placeListed:
		return x.list(r)
	case placePending:
		x.sums.pending++
		return x.put(bucketPending, p.pendingKey(), nil)
	case placeMarked:
		x.sums.marked++
		return x.put(bucketMarked, bytes.Clone(p.id[:]), nil)
	}
	return nil
}

func (x *change) list(r *row) error {
	camera, err := x.count(r, 1)
	if err != nil {
		return err
	}
	return x.put(bucketIndex, appendIndexKey(nil, camera.number, &r.Clip), nil)
}

func (x *change) unlist(r *row) error {
	camera, err := x.count(r, -1)
	if err != nil {
		return err
	}
	return x.delete(bucketIndex, appendIndexKey(nil, camera.number, &r.Clip))
}

// count adds the listed row r to every count (n = 1) or takes it out (n = -1).
func (x *change) count(r *row, n int64) (*cameraRow, error) {
	camera, err := x.camera(r.Camera)
	if err != nil {
		return nil, err
	}
	t, err := x.hour(hour{camera.number, hourOf(r.Start)})
	if err != nil {
		return nil, err
	}
	x.writes++
	camera.clips[facetOf(&r.Clip)] += n
	camera.bytes += n * r.Size
	t.clips += n
	t.bytes += n * r.Size
	x.sums.clips += n
	x.sums.bytes += n * r.Size
	return camera, x.countAcks(r.ID, n)
}

// camera returns the row of the camera named, with a new number if it has none.
func (x *change) camera(name string) (*cameraRow, error) {
	if c := x.cameras[name]; c != nil {
		return c, nil
	}
	rows, err := readCameras(x.tx, name)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		x.writes++
		x.sums.camera++
		rows = []cameraRow{{name: name, number: x.sums.camera}}
	}
	x.cameras[name] = &rows[0]
	return &rows[0], nil
}

func (x *change) hour(h hour) (*tally, error) {
	if t := x.hours[h]; t != nil {
		return t, nil
	}
	t, err := readHour(x.tx, h)
	if err != nil {
		return nil, err
	}
	x.hours[h] = &t
	return &t, nil
}

// remove takes r out of the catalogue. If it had been announced, its end is.
func (x *change) remove(r *row, reason string) error {
	if err := x.replace(r, nil); err != nil {
		return err
	}
	x.pins.drop(r.ID)
	if err := x.leave(r); err != nil {
		return err
	}
	if r.stage != StageListed {
		return nil
	}
	return x.tell(Event{Type: ClipRemoved, Clip: r.Clip, Reason: reason})
}

// flush writes what was counted.
func (x *change) flush() error {
	for name, c := range x.cameras {
		key := []byte(name)
		if err := x.put(bucketCameras, key, seal(bucketCameras, key, c.append(nil))); err != nil {
			return err
		}
	}
	for h, t := range x.hours {
		if err := x.flushHour(h, t); err != nil {
			return err
		}
	}
	if err := x.flushSide(); err != nil {
		return err
	}
	if err := x.cut(); err != nil {
		return err
	}
	x.fill()
	return x.put(bucketMeta, metaSums, seal(bucketMeta, metaSums, x.sums.append(nil)))
}

func (x *change) flushHour(h hour, t *tally) error {
	key := appendHourKey(nil, h.camera, h.hour)
	if t.clips == 0 {
		return x.delete(bucketHours, key)
	}
	return x.put(bucketHours, key, seal(bucketHours, key, t.append(nil)))
}

// fill packs pages tight where rows only ever come at the end; elsewhere a tight page would be split at the next row.
func (x *change) fill() {
	const tight = 0.9
	x.tx.Bucket(bucketJournal).FillPercent = tight
	if !x.scatter {
		x.tx.Bucket(bucketClips).FillPercent = tight
	}
}
