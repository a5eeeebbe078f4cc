package store

import (
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Totals are kept with each commit, never counted.
type Totals struct {
	Clips          int   // listed
	Bytes          int64 // of listed clips
	Pending        int   // seen, not yet listed
	Oldest, Newest time.Time
	Partials       int
}

// Totals returns the running totals. Oldest and Newest are zero while nothing is listed.
func (s *Store) Totals() (Totals, error) {
	var t Totals
	err := s.view(func(tx *bolt.Tx) error {
		sum, err := readSums(tx)
		if err != nil {
			return err
		}
		t = Totals{Clips: int(sum.clips), Bytes: sum.bytes, Pending: int(sum.pending), Partials: int(sum.partials)}
		t.Oldest, t.Newest, err = ends(tx, "")
		return err
	})
	return t, err
}

// sums are the running totals as they stand in the meta bucket.
type sums struct {
	clips, bytes int64 // listed
	pending      int64
	marked       int64
	partials     int64
	rows, size   int64  // of the journal; size in bytes of keys and values
	last         uint64 // the seq of the newest journal row ever written
	trimmed      uint64 // the highest seq that was cut off the journal's start
	camera       uint32 // the highest camera number given
}

func (s *sums) append(b []byte) []byte {
	for _, n := range [...]int64{s.clips, s.bytes, s.pending, s.marked, s.partials, s.rows, s.size} {
		b = binary.AppendVarint(b, n)
	}
	b = binary.AppendUvarint(b, s.last)
	b = binary.AppendUvarint(b, s.trimmed)
	return binary.AppendUvarint(b, uint64(s.camera))
}

func readSums(tx *bolt.Tx) (sums, error) {
	payload, err := unseal(bucketMeta, metaSums, tx.Bucket(bucketMeta).Get(metaSums))
	if err != nil {
		return sums{}, err
	}
	var s sums
	d := decoder{b: payload}
	for _, n := range [...]*int64{&s.clips, &s.bytes, &s.pending, &s.marked, &s.partials, &s.rows, &s.size} {
		*n = d.varint()
	}
	s.last, s.trimmed, s.camera = d.uvarint(), d.uvarint(), uint32(d.uvarint())
	if err := d.end(); err != nil {
		return sums{}, fmt.Errorf("running totals: %w", err)
	}
	return s, nil
}
