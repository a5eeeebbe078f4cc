package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Cursor returns the named cursor; ok is false if it was never set.
func (s *Store) Cursor(name string) (seq uint64, ok bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		value := tx.Bucket(bucketCursors).Get([]byte(name))
		if value == nil {
			return nil
		}
		seq, err = decodeCursor([]byte(name), value)
		ok = err == nil
		return err
	})
	return seq, ok, err
}

func decodeCursor(name, value []byte) (uint64, error) {
	payload, err := unseal(bucketCursors, name, value)
	if err != nil {
		return 0, err
	}
	if len(payload) != 8 {
		return 0, fmt.Errorf("%w: cursor %.40q", ErrDamaged, name)
	}
	return binary.BigEndian.Uint64(payload), nil
}
