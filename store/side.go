package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// The buckets that a catalogue of the first days does not have: they are made when it is opened.
var (
	bucketPushes    = []byte("pushes")    // clip, target
	bucketDue       = []byte("due")       // lane, when, clip, target: the waiting pushes
	bucketAcks      = []byte("acks")      // clip -> numbers of the consumers that have it
	bucketConsumers = []byte("consumers") // name
	bucketRequests  = []byte("requests")  // answers by transaction, and their order

	metaSide = []byte("side") // side sums, not there before the first of them is
)

var sideBuckets = [][]byte{bucketPushes, bucketDue, bucketAcks, bucketConsumers, bucketRequests}

// addSideBuckets makes the buckets that are missing, on a full disk with the ballast's space. Where none is missing it
// writes nothing.
func (s *Store) addSideBuckets() error {
	missing := false
	err := guarded(s.db, func(tx *bolt.Tx) error {
		for _, name := range sideBuckets {
			missing = missing || tx.Bucket(name) == nil
		}
		return nil
	})
	if err != nil || !missing {
		return err
	}
	err = s.db.Update(makeSideBuckets)
	if isFull(err) && removeFile(filepath.Join(s.Dir, ballastName)) == nil {
		err = s.db.Update(makeSideBuckets)
	}
	if err != nil {
		return fmt.Errorf("adding what is new to the catalogue: %w", asFull(err))
	}
	return nil
}

func makeSideBuckets(tx *bolt.Tx) error {
	for _, name := range sideBuckets {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return nil
}

// sideSums are running totals of pushes, consumers and answers, as they stand in the meta bucket.
type sideSums struct {
	waiting, dead int64  // pushes
	answers, size int64  // answered requests, and the bytes of their answers
	answered      uint64 // the highest number given to an answer
	consumer      uint32 // the highest number given to a consumer
}

func (s *sideSums) append(b []byte) []byte {
	for _, n := range [...]int64{s.waiting, s.dead, s.answers, s.size} {
		b = binary.AppendVarint(b, n)
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, s.answered), uint64(s.consumer))
}

// readSideSums returns zeros where none have been written.
func readSideSums(tx *bolt.Tx) (sideSums, error) {
	value := tx.Bucket(bucketMeta).Get(metaSide)
	if value == nil {
		return sideSums{}, nil
	}
	payload, err := unseal(bucketMeta, metaSide, value)
	if err != nil {
		return sideSums{}, err
	}
	var s sideSums
	d := decoder{b: payload}
	for _, n := range [...]*int64{&s.waiting, &s.dead, &s.answers, &s.size} {
		*n = d.varint()
	}
	s.answered, s.consumer = d.uvarint(), uint32(d.uvarint())
	if err := d.end(); err != nil {
		return sideSums{}, fmt.Errorf("side totals: %w", err)
	}
	return s, nil
}

// side is what a change does to pushes, consumers and answers.
type side struct {
	sideSums
	was       sideSums
	consumers map[uint32]*consumerRow // by number; nil until one is asked for
}

func beginSide(tx *bolt.Tx) (side, error) {
	sum, err := readSideSums(tx)
	return side{sideSums: sum, was: sum}, err
}

// flushSide writes what was counted and is not yet as it stands on disk.
func (x *change) flushSide() error {
	for _, c := range x.side.consumers {
		key := []byte(c.name)
		value := seal(bucketConsumers, key, c.append(nil))
		if bytes.Equal(value, x.tx.Bucket(bucketConsumers).Get(key)) {
			continue
		}
		if err := x.put(bucketConsumers, key, value); err != nil {
			return err
		}
	}
	if x.side.sideSums == x.side.was {
		return nil
	}
	return x.put(bucketMeta, metaSide, seal(bucketMeta, metaSide, x.side.append(nil)))
}

// leave ends what depends on r, which has been taken out of the catalogue.
func (x *change) leave(r *row) error {
	pushes, err := pushesOf(x.tx, r.ID)
	if err != nil {
		return err
	}
	for i := range pushes {
		if err := x.replacePush(&pushes[i], nil); err != nil {
			return err
		}
		if pushes[i].Dead {
			continue // that it failed was told
		}
		if err := x.tell(Event{Type: PushFailed, Clip: r.Clip, Target: pushes[i].Target, Reason: reasonGone}); err != nil {
			return err
		}
	}
	return x.dropAcks(r.ID)
}

// carried is what a renamed clip takes along.
type carried struct {
	pushes []Push
	acks   []uint32
}

// carry takes the pushes of a clip that will be removed away from it, and notes who has it.
func (x *change) carry(id ID) (c carried, err error) {
	if c.pushes, err = pushesOf(x.tx, id); err != nil {
		return carried{}, err
	}
	for i := range c.pushes {
		if err := x.replacePush(&c.pushes[i], nil); err != nil {
			return carried{}, err
		}
	}
	c.acks, err = readAcks(x.tx, id)
	return c, err
}

// hand gives what was carried to the clip id. What it has itself comes first.
func (x *change) hand(c carried, id ID) error {
	r, err := x.lookup(id)
	if err != nil {
		return err
	}
	for _, p := range c.pushes {
		p.ID = id
		if x.tx.Bucket(bucketPushes).Get(pushKey(id, p.Target)) != nil {
			continue
		}
		if err := x.replacePush(nil, &p); err != nil {
			return err
		}
	}
	for _, number := range c.acks {
		if err := x.ack(r, number); err != nil {
			return err
		}
	}
	return nil
}
