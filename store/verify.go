package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Verify checks the whole catalogue file at path, which no process may have open for writing: its pages, the checksum of
// every record, that indexes and clips say the same, and that totals and hourly counts are what a recount gives.
// ErrDamaged, ErrLocked. It blocks for as long as reading the file takes. On a damaged file bbolt may end the whole
// process: VerifyInChild does not mind.
func Verify(path string) error {
	return verifyFile(path, checkPages)
}

// verifyRows is Verify without the pages, which bbolt checks in a goroutine whose faults nobody can catch.
func verifyRows(path string) error {
	return verifyFile(path, func(*bolt.Tx) error { return nil })
}

func verifyFile(path string, pages func(*bolt.Tx) error) error {
	if _, err := readHead(path); err != nil {
		return err
	}
	db, err := openBolt(path, maxFileSize(), true)
	if err != nil {
		return err
	}
	err = checkSchema(db)
	if err == nil {
		err = guarded(db, pages)
	}
	if err == nil {
		err = guarded(db, recountAll)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func checkPages(tx *bolt.Tx) error {
	var first error
	for err := range tx.Check() { // the channel is read to its end, as tx.Check wants
		if first == nil {
			first = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return first
}

// recount is what the rows of a catalogue add up to.
type recount struct {
	tx      *bolt.Tx
	sums    sums
	cameras map[string]*cameraRow
	hours   map[hour]tally
}

func recountAll(tx *bolt.Tx) error {
	r := &recount{tx: tx, cameras: map[string]*cameraRow{}, hours: map[hour]tally{}}
	for _, part := range []func() error{r.readCameras, r.readClips, r.readJournal, r.readRest, r.compareRows, r.compareSums} {
		if err := part(); err != nil {
			return err
		}
	}
	return recountSide(tx)
}

func (r *recount) readCameras() error {
	stored, err := readCameras(r.tx, "")
	for _, c := range stored {
		r.cameras[c.name] = &cameraRow{name: c.name, number: c.number}
		r.sums.camera = max(r.sums.camera, c.number)
	}
	return err
}

// readClips checks that each clip has the rows it must have, and counts it.
func (r *recount) readClips() error {
	return r.tx.Bucket(bucketClips).ForEach(func(k, _ []byte) error {
		var id ID
		if len(k) != len(id) {
			return fmt.Errorf("%w: clip key %x", ErrDamaged, k)
		}
		copy(id[:], k)
		c, err := readRow(r.tx, id)
		if err != nil {
			return err
		}
		if !bytes.Equal(r.tx.Bucket(bucketPaths).Get([]byte(c.Path)), k) {
			return fmt.Errorf("%w: clip %s is not at its path", ErrDamaged, id)
		}
		return r.readPlace(&c)
	})
}

func (r *recount) readPlace(c *row) error {
	p := placeOf(c)
	bucket, key := bucketMarked, p.id[:]
	switch p.kind {
	case placeListed:
		camera := r.cameras[c.Camera]
		if camera == nil {
			return fmt.Errorf("%w: clip %s is of no known camera", ErrDamaged, c.ID)
		}
		bucket, key = bucketIndex, appendIndexKey(nil, camera.number, &c.Clip)
		r.count(camera, c)
	case placePending:
		bucket, key = bucketPending, p.pendingKey()
		r.sums.pending++
	case placeMarked:
		r.sums.marked++
	}
	if k, _ := r.tx.Bucket(bucket).Cursor().Seek(key); !bytes.Equal(k, key) {
		return fmt.Errorf("%w: clip %s has no row in %s", ErrDamaged, c.ID, bucket)
	}
	return nil
}

func (r *recount) count(camera *cameraRow, c *row) {
	camera.clips[facetOf(&c.Clip)]++
	camera.bytes += c.Size
	h := hour{camera.number, hourOf(c.Start)}
	t := r.hours[h]
	r.hours[h] = tally{t.clips + 1, t.bytes + c.Size}
	r.sums.clips++
	r.sums.bytes += c.Size
}

func (r *recount) readJournal() error {
	return r.tx.Bucket(bucketJournal).ForEach(func(k, v []byte) error {
		e, err := decodeEvent(k, v)
		r.sums.rows++
		r.sums.size += int64(len(k) + len(v))
		r.sums.last = e.Seq
		return err
	})
}

func (r *recount) readRest() error {
	err := r.tx.Bucket(bucketCursors).ForEach(func(k, v []byte) error {
		_, err := decodeCursor(k, v)
		return err
	})
	if err != nil {
		return err
	}
	return r.tx.Bucket(bucketPartial).ForEach(func(k, v []byte) error {
		r.sums.partials++
		_, err := decodePartial(k, v)
		return err
	})
}

// compareRows checks that no index has more rows than clips asked for; that it has those was checked with each clip.
func (r *recount) compareRows() error {
	for _, b := range [...]struct {
		name []byte
		want int64
	}{
		{bucketPaths, r.sums.clips + r.sums.pending + r.sums.marked}, {bucketIndex, r.sums.clips},
		{bucketPending, r.sums.pending}, {bucketMarked, r.sums.marked}, {bucketHours, int64(len(r.hours))},
	} {
		var n int64
		if err := r.tx.Bucket(b.name).ForEach(func(_, _ []byte) error { n++; return nil }); err != nil {
			return err
		}
		if n != b.want {
			return fmt.Errorf("%w: %s has %d rows, not %d", ErrDamaged, b.name, n, b.want)
		}
	}
	return nil
}

func (r *recount) compareSums() error {
	stored, err := readSums(r.tx)
	if err != nil {
		return err
	}
	if r.sums.rows == 0 {
		r.sums.last = stored.last
	}
	r.sums.trimmed = stored.trimmed
	if stored != r.sums {
		return fmt.Errorf("%w: its totals are %+v, a recount gives %+v", ErrDamaged, stored, r.sums)
	}
	rows, err := readCameras(r.tx, "")
	if err != nil {
		return err
	}
	for _, c := range rows {
		if c != *r.cameras[c.name] {
			return fmt.Errorf("%w: the totals of camera %.40q differ from a recount", ErrDamaged, c.name)
		}
	}
	return r.compareHours()
}

func (r *recount) compareHours() error {
	return r.tx.Bucket(bucketHours).ForEach(func(k, v []byte) error {
		t, err := decodeTally(k, v)
		if err == nil && (len(k) != hourKey || r.hours[hour{binary.BigEndian.Uint32(k), hourIn(k)}] != t) {
			err = fmt.Errorf("%w: an hourly count differs from a recount", ErrDamaged)
		}
		return err
	})
}
