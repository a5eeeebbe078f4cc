package store

import (
	"errors"

	bolt "go.etcd.io/bbolt"
)

// ErrPinned is returned by Expire for a clip that people decided to keep.
var ErrPinned = errors.New("it is pinned")

// Expire is Mark for a clip that goes by a rule and not because somebody asked for it: a pin that was set after it was
// chosen keeps it, and nothing expires while the pins cannot be read. ErrNotFound, ErrPinned, PinsErr.
func Expire(id ID, reason string) Op {
	mark := Mark(id, reason)
	return Op{what: "expiring clip " + id.String(), frees: true, run: func(x *change) error {
		if x.pins.kept.unreadable != nil {
			return x.pins.kept.unreadable
		}
		if x.pins.keeps(id) {
			return ErrPinned
		}
		return mark.run(x)
	}}
}

// Walk calls each for every listed clip, by id, in one read transaction, and returns the seq of the last journal row that
// is in what it told. It blocks for as long as that takes; each must block on nothing.
func (s *Store) Walk(each func(Clip)) (seq uint64, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		sum, err := readSums(tx)
		if err != nil {
			return err
		}
		seq = sum.last
		return tx.Bucket(bucketClips).ForEach(func(k, _ []byte) error {
			r, err := readRow(tx, idOf(k))
			if err != nil {
				s.dropped(err)
			} else if r.listed() {
				each(r.Clip)
			}
			return nil
		})
	})
	return seq, err
}

// Delivery is who has a clip, and who is still to get it.
type Delivery struct {
	Acked   []string // consumers that have it
	Waiting []string // targets it is still to be pushed to, as Push.Target
	Dead    []string // targets it was given up for
}

// Deliveries returns how far each of the clips has been delivered, in the order of ids.
func (s *Store) Deliveries(ids []ID) ([]Delivery, error) {
	all := make([]Delivery, len(ids))
	err := s.view(func(tx *bolt.Tx) error {
		rows, err := readConsumers(tx)
		if err != nil {
			return err
		}
		names := make(map[uint32]string, len(rows))
		for _, r := range rows {
			names[r.number] = r.name
		}
		for i, id := range ids {
			if all[i], err = delivery(tx, id, names); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

func delivery(tx *bolt.Tx, id ID, names map[uint32]string) (d Delivery, err error) {
	numbers, err := readAcks(tx, id)
	if err != nil {
		return d, err
	}
	for _, n := range numbers {
		if name, ok := names[n]; ok {
			d.Acked = append(d.Acked, name)
		}
	}
	pushes, err := pushesOf(tx, id)
	for _, p := range pushes {
		if p.Dead {
			d.Dead = append(d.Dead, p.Target)
		} else {
			d.Waiting = append(d.Waiting, p.Target)
		}
	}
	return d, err
}
