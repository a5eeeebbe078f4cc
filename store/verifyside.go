package store

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// recountSide checks pushes, consumers and answers: each row, its index, and what they add up to. A catalogue of the
// first days has none of their buckets.
func recountSide(tx *bolt.Tx) error {
	for _, name := range sideBuckets {
		if tx.Bucket(name) == nil {
			return nil
		}
	}
	stored, err := readSideSums(tx)
	if err != nil {
		return err
	}
	counted := sideSums{answered: stored.answered, consumer: stored.consumer}
	for _, part := range []func(*bolt.Tx, *sideSums) error{recountPushes, recountConsumers, recountAnswers, recountSalvaged} {
		if err := part(tx, &counted); err != nil {
			return err
		}
	}
	if counted != stored {
		return fmt.Errorf("%w: its side totals are %+v, a recount gives %+v", ErrDamaged, stored, counted)
	}
	return nil
}

func recountPushes(tx *bolt.Tx, sum *sideSums) error {
	err := tx.Bucket(bucketPushes).ForEach(func(k, v []byte) error {
		p, err := decodePush(k, v)
		if err != nil {
			return err
		}
		if tx.Bucket(bucketClips).Get(p.ID[:]) == nil {
			return fmt.Errorf("%w: a push of clip %s, which is not there", ErrDamaged, p.ID)
		}
		if p.Dead {
			sum.dead++
			return nil
		}
		sum.waiting++
		if key := p.dueKey(); !hasKey(tx.Bucket(bucketDue), key) {
			return fmt.Errorf("%w: a push of clip %s is never due", ErrDamaged, p.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return hasRows(tx, bucketDue, sum.waiting)
}

func hasKey(b *bolt.Bucket, key []byte) bool {
	k, _ := b.Cursor().Seek(key)
	return bytes.Equal(k, key)
}

func hasRows(tx *bolt.Tx, bucket []byte, want int64) error {
	var n int64
	if err := tx.Bucket(bucket).ForEach(func(_, _ []byte) error { n++; return nil }); err != nil {
		return err
	}
	if n != want {
		return fmt.Errorf("%w: %s has %d rows, not %d", ErrDamaged, bucket, n, want)
	}
	return nil
}

func recountConsumers(tx *bolt.Tx, sum *sideSums) error {
	rows, err := readConsumers(tx)
	if err != nil {
		return err
	}
	acked, err := countAcked(tx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.number > sum.consumer || acked[r.number] != r.acked {
			return fmt.Errorf("%w: consumer %.40q has %d clips, not %d", ErrDamaged, r.name, acked[r.number], r.acked)
		}
	}
	return nil
}

// countAcked counts the listed clips of each consumer.
func countAcked(tx *bolt.Tx) (map[uint32]int64, error) {
	acked := map[uint32]int64{}
	err := tx.Bucket(bucketAcks).ForEach(func(k, v []byte) error {
		var id ID
		numbers, err := decodeAcks(k, v)
		if err != nil || len(k) != len(id) {
			return fmt.Errorf("%w: acks of clip %x: %w", ErrDamaged, k, err)
		}
		copy(id[:], k)
		r, err := readRow(tx, id)
		if err != nil {
			return fmt.Errorf("%w: acks of clip %s: %w", ErrDamaged, id, err)
		}
		for _, n := range numbers {
			if r.listed() {
				acked[n]++
			}
		}
		return nil
	})
	return acked, err
}

func recountAnswers(tx *bolt.Tx, sum *sideSums) error {
	b := tx.Bucket(bucketRequests)
	err := b.ForEach(func(k, v []byte) error {
		if len(k) == 0 || k[0] != rowAnswer {
			_, err := unseal(bucketRequests, k, v)
			return err
		}
		r, err := decodeAnswer(k, v)
		if err != nil {
			return err
		}
		sum.answers++
		sum.size += int64(len(r.answer))
		key, err := unseal(bucketRequests, orderKey(r.number), b.Get(orderKey(r.number)))
		if err == nil && !bytes.Equal(key, k) {
			err = fmt.Errorf("%w: an answered request has no order", ErrDamaged)
		}
		return err
	})
	if err != nil {
		return err
	}
	return hasRows(tx, bucketRequests, 2*sum.answers)
}
