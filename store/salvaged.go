package store

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// bucketSalvaged has the acks and pushes of a damaged catalogue whose clips are not listed yet in this one. Only a
// catalogue that took the place of a damaged one has it.
var bucketSalvaged = []byte("salvaged")

// What a key of the bucket begins with, before the key that the row had.
const (
	salvagedAcks = 'a'
	salvagedPush = 'p'
)

// salvaged is one of the two.
type salvaged struct {
	acks []uint32
	push *Push
}

func parseSalvaged(key, payload []byte) (salvaged, error) {
	switch {
	case len(key) == 1+len(ID{}) && key[0] == salvagedAcks:
		numbers, err := parseAcks(key[1:], payload)
		return salvaged{acks: numbers}, err
	case len(key) > 0 && key[0] == salvagedPush:
		p, err := parsePush(key[1:], payload)
		return salvaged{push: &p}, err
	}
	return salvaged{}, fmt.Errorf("%w: salvaged key %.20q", ErrDamaged, key)
}

func decodeSalvaged(key, value []byte) (salvaged, error) {
	payload, err := unseal(bucketSalvaged, key, value)
	if err != nil {
		return salvaged{}, err
	}
	return parseSalvaged(key, payload)
}

// readSalvaged returns the row at key. ErrNotFound, ErrDamaged.
func readSalvaged(tx *bolt.Tx, key []byte) (salvaged, error) {
	value := tx.Bucket(bucketSalvaged).Get(key)
	if value == nil {
		return salvaged{}, ErrNotFound
	}
	return decodeSalvaged(key, value)
}

// newer reports whether r is what the row prev came to be. Acks only grow.
func (r *salvaged) newer(prev *salvaged) bool {
	if r.push == nil || prev.push == nil {
		return len(r.acks) > len(prev.acks)
	}
	if r.push.Added.Equal(prev.push.Added) {
		return r.push.Attempts > prev.push.Attempts
	}
	return r.push.Added.After(prev.push.Added)
}

// DropSalvaged forgets the acks and pushes that were salvaged from a damaged catalogue and whose clips have not come
// back. It is for the end of a full scan, which has listed all that are there; while a clip is pending it does nothing.
// No event.
func DropSalvaged() Op {
	return Op{what: "dropping what was salvaged", frees: true, run: func(x *change) error {
		if x.tx.Bucket(bucketSalvaged) == nil || x.sums.pending > 0 {
			return nil
		}
		x.writes++
		if err := x.tx.DeleteBucket(bucketSalvaged); err != nil {
			return fmt.Errorf("deleting %s: %w", bucketSalvaged, err)
		}
		return nil
	}}
}

// restore gives clip id what was salvaged for it, and returns its row.
func (x *change) restore(id ID) (*row, error) {
	if x.tx.Bucket(bucketSalvaged) != nil {
		c, err := x.takeSalvaged(id)
		if err == nil {
			err = x.hand(c, id)
		}
		if err != nil {
			return nil, err
		}
	}
	return x.lookup(id)
}

// takeSalvaged takes the rows of clip id out of the bucket.
func (x *change) takeSalvaged(id ID) (c carried, err error) {
	var keys [][]byte
	for _, kind := range [...]byte{salvagedAcks, salvagedPush} {
		prefix := append([]byte{kind}, id[:]...)
		cursor := x.tx.Bucket(bucketSalvaged).Cursor()
		for k, v := cursor.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = cursor.Next() {
			r, err := decodeSalvaged(k, v)
			if err != nil {
				return carried{}, err
			}
			if r.push != nil {
				c.pushes = append(c.pushes, *r.push)
			}
			c.acks = append(c.acks, r.acks...)
			keys = append(keys, bytes.Clone(k))
		}
	}
	for _, k := range keys {
		if err := x.delete(bucketSalvaged, k); err != nil {
			return carried{}, err
		}
	}
	return c, nil
}

// recountSalvaged checks the rows that wait for their clips. No number in them may be given to a new consumer.
func recountSalvaged(tx *bolt.Tx, sum *sideSums) error {
	b := tx.Bucket(bucketSalvaged)
	if b == nil {
		return nil
	}
	return b.ForEach(func(k, v []byte) error {
		r, err := decodeSalvaged(k, v)
		if err != nil {
			return err
		}
		for _, n := range r.acks {
			if n > sum.consumer {
				return fmt.Errorf("%w: salvaged acks name consumer %d, of %d", ErrDamaged, n, sum.consumer)
			}
		}
		return nil
	})
}
