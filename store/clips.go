package store

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Clip returns the clip with id at any stage, unless it is marked for removal. ErrNotFound.
func (s *Store) Clip(id ID) (Clip, Stage, error) {
	var r row
	err := s.view(func(tx *bolt.Tx) error {
		var err error
		r, err = readRow(tx, id)
		return s.sound(err)
	})
	return answered(r, err)
}

// ClipAt returns the clip at path. ErrNotFound.
func (s *Store) ClipAt(path string) (Clip, Stage, error) {
	var r row
	err := s.view(func(tx *bolt.Tx) error {
		var err error
		r, err = readRowAt(tx, []byte(path))
		return s.sound(err)
	})
	return answered(r, err)
}

// sound turns a damaged record, which a read leaves out, into ErrNotFound.
func (s *Store) sound(err error) error {
	if errors.Is(err, ErrDamaged) {
		s.dropped(err)
		return ErrNotFound
	}
	return err
}

func answered(r row, err error) (Clip, Stage, error) {
	if err == nil && r.marked {
		err = ErrNotFound
	}
	if err != nil {
		return Clip{}, 0, err
	}
	return r.Clip, r.stage, nil
}

// readRow returns the row of id. ErrNotFound, ErrDamaged.
func readRow(tx *bolt.Tx, id ID) (row, error) {
	value := tx.Bucket(bucketClips).Get(id[:])
	if value == nil {
		return row{}, ErrNotFound
	}
	payload, err := unseal(bucketClips, id[:], value)
	if err != nil {
		return row{}, err
	}
	return decodeRow(id, payload)
}

// readRowAt returns the row of the clip at path. ErrNotFound, ErrDamaged.
func readRowAt(tx *bolt.Tx, path []byte) (row, error) {
	if len(path) == 0 || len(path) > bolt.MaxKeySize {
		return row{}, ErrNotFound
	}
	value := tx.Bucket(bucketPaths).Get(path)
	if value == nil {
		return row{}, ErrNotFound
	}
	return rowOfPath(tx, path, value)
}

func rowOfPath(tx *bolt.Tx, path, value []byte) (row, error) {
	var id ID
	if len(value) != len(id) {
		return row{}, fmt.Errorf("%w: the row of path %.80q", ErrDamaged, path)
	}
	copy(id[:], value)
	r, err := readRow(tx, id)
	if err != nil {
		return row{}, fmt.Errorf("%w: path %.80q without its clip: %w", ErrDamaged, path, err)
	}
	if !bytes.Equal([]byte(r.Path), path) {
		return row{}, fmt.Errorf("%w: path %.80q leads to another's clip", ErrDamaged, path)
	}
	return r, nil
}

// Known is what the catalogue has at a path, enough to see whether the file is still the same.
type Known struct {
	Path  string
	ID    ID
	Size  int64
	Mtime time.Time
	Stage Stage
}

// PathsFrom returns up to limit catalogued files in byte order of their paths, after the path named (not including it).
// A scan merges it with its walk. Clips marked for removal are among them.
func (s *Store) PathsFrom(after string, limit int) ([]Known, error) {
	var known []Known
	err := s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketPaths).Cursor()
		prev := []byte(after)
		for k, v := seekAfter(c, after); k != nil && len(known) < limit; k, v = c.Next() {
			if err := rising(bucketPaths, prev, k); err != nil {
				return err
			}
			prev = k
			r, err := rowOfPath(tx, k, v)
			if err != nil {
				s.dropped(err)
				continue
			}
			known = append(known, Known{Path: r.Path, ID: r.ID, Size: r.Size, Mtime: r.Mtime, Stage: r.stage})
		}
		return nil
	})
	return known, err
}

// seekAfter stands at the first key above after.
func seekAfter(c *bolt.Cursor, after string) (k, v []byte) {
	if after == "" {
		return c.First()
	}
	return c.Seek(append([]byte(after), 0))
}

// rising is ErrDamaged unless next comes behind prev. Whoever pages through keys that do not rise never ends.
func rising(bucket, prev, next []byte) error {
	if len(prev) > 0 && bytes.Compare(prev, next) >= 0 {
		return fmt.Errorf("%w: the keys of %s do not rise: %.40q, then %.40q", ErrDamaged, bucket, prev, next)
	}
	return nil
}

// Pending returns up to limit clips at stage, newest id first, that are older than before (the zero ID: from the newest).
func (s *Store) Pending(stage Stage, before ID, limit int) ([]Clip, error) {
	var clips []Clip
	err := s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketPending).Cursor()
		above := []byte{byte(stage) + 1}
		if !before.IsZero() {
			above = append([]byte{byte(stage)}, before[:]...)
		}
		for k := seekPending(c, above); len(k) == pendingKey && k[0] == byte(stage) && len(clips) < limit; k, _ = c.Prev() {
			if err := rising(bucketPending, k, above); err != nil {
				return err
			}
			above = k
			r, err := readRow(tx, idOf(k))
			if err != nil || r.stage != stage || r.marked {
				s.dropped(fmt.Errorf("%w: pending row %x: %w", ErrDamaged, k, err))
				continue
			}
			clips = append(clips, r.Clip)
		}
		return nil
	})
	return clips, err
}

// seekPending stands at the last row below the key above.
func seekPending(c *bolt.Cursor, above []byte) []byte {
	k, _ := c.Seek(above)
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	if len(k) != pendingKey {
		return nil
	}
	return k
}

// Marked returns the clips whose removal was begun and not ended, with no limit: a box has at most a few.
func (s *Store) Marked() ([]Clip, error) {
	var clips []Clip
	err := s.view(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketMarked).ForEach(func(k, _ []byte) error {
			r, err := readRow(tx, idOf(k))
			if err != nil || !r.marked {
				s.dropped(fmt.Errorf("%w: marked row %x: %w", ErrDamaged, k, err))
				return nil
			}
			clips = append(clips, r.Clip)
			return nil
		})
	})
	return clips, err
}
