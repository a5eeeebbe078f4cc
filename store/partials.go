package store

import (
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Partial is a media file that is not settled.
type Partial struct {
	Path   string
	Size   int64
	Mtime  time.Time
	Reason string // for people: "no moov box: the recorder was killed", "still being written" …
	Since  time.Time
}

// Partials returns the partial files by path, at most limit after the path named.
func (s *Store) Partials(after string, limit int) ([]Partial, error) {
	var partials []Partial
	err := s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketPartial).Cursor()
		prev := []byte(after)
		for k, v := seekAfter(c, after); k != nil && len(partials) < limit; k, v = c.Next() {
			if err := rising(bucketPartial, prev, k); err != nil {
				return err
			}
			prev = k
			p, err := decodePartial(k, v)
			if err != nil {
				s.dropped(err)
				continue
			}
			partials = append(partials, p)
		}
		return nil
	})
	return partials, err
}

// Partial returns the partial at path. ErrNotFound.
func (s *Store) Partial(path string) (Partial, error) {
	var p Partial
	err := s.view(func(tx *bolt.Tx) error {
		value := tx.Bucket(bucketPartial).Get([]byte(path))
		if value == nil {
			return ErrNotFound
		}
		var err error
		p, err = decodePartial([]byte(path), value)
		return s.sound(err)
	})
	return p, err
}

func (p *Partial) append(b []byte) []byte {
	b = binary.AppendVarint(b, p.Size)
	b = appendTime(b, p.Mtime)
	b = appendTime(b, p.Since)
	return appendString(b, p.Reason)
}

func decodePartial(path, value []byte) (Partial, error) {
	payload, err := unseal(bucketPartial, path, value)
	if err != nil {
		return Partial{}, err
	}
	d := decoder{b: payload}
	p := Partial{Path: string(path), Size: d.varint(), Mtime: d.time(), Since: d.time(), Reason: d.string()}
	if err := d.end(); err != nil {
		return Partial{}, fmt.Errorf("partial %.80q: %w", path, err)
	}
	return p, nil
}
