package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Errors of Ack.
var (
	ErrWrongHash        = errors.New("its SHA-256 is another one")
	ErrTooManyConsumers = fmt.Errorf("there are %d consumers already: drop one that is gone", maxConsumers)
)

const (
	maxConsumers = 256
	maxConsumer  = 256         // bytes of a name
	seenEvery    = time.Minute // a consumer's sign of life is written at most this often
)

// Consumer is someone who fetches clips and says which it has.
type Consumer struct {
	Name  string
	Seq   uint64 // how far it has come in the journal
	Acked int    // listed clips it has
	Lacks int    // listed clips it has not
	Seen  time.Time
}

// consumerRow is a row of the consumers bucket. Its number stands for the name in acks and is never given again, so
// that dropping a consumer needs no walk through them: what it leaves there means nothing and goes with the clips.
type consumerRow struct {
	name   string
	number uint32
	seq    uint64
	acked  int64 // listed clips
	seen   time.Time
}

func (r *consumerRow) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, r.number)
	b = binary.AppendUvarint(b, r.seq)
	b = binary.AppendVarint(b, r.acked)
	return appendTime(b, r.seen)
}

func decodeConsumer(name, value []byte) (consumerRow, error) {
	payload, err := unseal(bucketConsumers, name, value)
	if err != nil {
		return consumerRow{}, err
	}
	return parseConsumer(name, payload)
}

func parseConsumer(name, payload []byte) (consumerRow, error) {
	d := decoder{b: payload}
	r := consumerRow{name: string(name)}
	if n := d.take(4); n != nil {
		r.number = binary.BigEndian.Uint32(n)
	}
	r.seq, r.acked, r.seen = d.uvarint(), d.varint(), d.time()
	if err := d.end(); err != nil {
		return consumerRow{}, fmt.Errorf("consumer %.40q: %w", name, err)
	}
	return r, nil
}

// readConsumer returns the row of the consumer named. ErrNotFound, ErrDamaged.
func readConsumer(tx *bolt.Tx, name string) (consumerRow, error) {
	value := tx.Bucket(bucketConsumers).Get([]byte(name))
	if value == nil {
		return consumerRow{}, ErrNotFound
	}
	return decodeConsumer([]byte(name), value)
}

func readConsumers(tx *bolt.Tx) (rows []consumerRow, err error) {
	err = tx.Bucket(bucketConsumers).ForEach(func(k, v []byte) error {
		r, err := decodeConsumer(k, v)
		rows = append(rows, r)
		return err
	})
	return rows, err
}

// Consumers returns every consumer, by name.
func (s *Store) Consumers() ([]Consumer, error) {
	var consumers []Consumer
	err := s.view(func(tx *bolt.Tx) error {
		sum, err := readSums(tx)
		if err != nil {
			return err
		}
		rows, err := readConsumers(tx)
		for _, r := range rows {
			consumers = append(consumers, Consumer{Name: r.name, Seq: r.seq, Acked: int(r.acked), Lacks: int(sum.clips - r.acked), Seen: r.seen})
		}
		return err
	})
	return consumers, err
}

// Acked reports whether consumer has clip id. ErrNotFound for an unknown consumer.
func (s *Store) Acked(consumer string, id ID) (acked bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		r, err := readConsumer(tx, consumer)
		if err != nil {
			return err
		}
		numbers, err := readAcks(tx, id)
		acked = slices.Contains(numbers, r.number)
		return err
	})
	return acked, err
}

// readAcks returns the numbers of those who have clip id.
func readAcks(tx *bolt.Tx, id ID) ([]uint32, error) {
	value := tx.Bucket(bucketAcks).Get(id[:])
	if value == nil {
		return nil, nil
	}
	return decodeAcks(id[:], value)
}

func decodeAcks(key, value []byte) ([]uint32, error) {
	payload, err := unseal(bucketAcks, key, value)
	if err != nil {
		return nil, err
	}
	return parseAcks(key, payload)
}

func parseAcks(key, payload []byte) ([]uint32, error) {
	if len(payload)%4 != 0 {
		return nil, fmt.Errorf("%w: acks of clip %x", ErrDamaged, key)
	}
	numbers := make([]uint32, 0, len(payload)/4)
	for ; len(payload) > 0; payload = payload[4:] {
		numbers = append(numbers, binary.BigEndian.Uint32(payload))
	}
	return numbers, nil
}

// Ack notes that consumer has clip id, and makes the consumer known. A hash is compared where the clip has one. No event.
// ErrNotFound for an unknown clip, ErrWrongHash, ErrTooManyConsumers.
func Ack(consumer string, id ID, sha256 *[32]byte) Op {
	return Op{what: fmt.Sprintf("noting that %.80q has clip %s", consumer, id), run: func(x *change) error {
		r, err := x.answering(id)
		if err != nil {
			return err
		}
		if sha256 != nil && r.Hashed && *sha256 != r.SHA256 {
			return ErrWrongHash
		}
		c, err := x.consumer(consumer, true)
		if err != nil {
			return err
		}
		x.saw(c, c.seq, x.now)
		return x.ack(r, c.number)
	}}
}

// SawConsumer notes that a consumer has asked for what is after seq. One who never acknowledged anything is not known:
// ErrNotFound.
func SawConsumer(name string, seq uint64, now time.Time) Op {
	return Op{what: fmt.Sprintf("noting where %.80q stands", name), run: func(x *change) error {
		c, err := x.consumer(name, false)
		if err == nil {
			x.saw(c, seq, now)
		}
		return err
	}}
}

// DropConsumer forgets a consumer and what it has. ErrNotFound.
func DropConsumer(name string) Op {
	return Op{what: fmt.Sprintf("dropping consumer %.80q", name), frees: true, run: func(x *change) error {
		c, err := x.consumer(name, false)
		if err != nil {
			return err
		}
		delete(x.side.consumers, c.number)
		return x.delete(bucketConsumers, []byte(name))
	}}
}

func (x *change) saw(c *consumerRow, seq uint64, now time.Time) {
	if age := now.Sub(c.seen); c.seq != seq || age < 0 || age >= seenEvery {
		c.seq, c.seen = seq, now
		x.writes++
	}
}

// consumer returns the row of the consumer named; an unknown one gets a new row, or is ErrNotFound.
func (x *change) consumer(name string, add bool) (*consumerRow, error) {
	rows, err := x.consumers()
	if err != nil {
		return nil, err
	}
	for _, c := range rows {
		if c.name == name {
			return c, nil
		}
	}
	switch {
	case !add:
		return nil, ErrNotFound
	case name == "" || len(name) > maxConsumer:
		return nil, fmt.Errorf("a consumer's name has 1 to %d bytes", maxConsumer)
	case len(rows) >= maxConsumers:
		return nil, ErrTooManyConsumers
	}
	x.writes++
	x.side.consumer++
	c := &consumerRow{name: name, number: x.side.consumer}
	rows[c.number] = c
	return c, nil
}

// consumers returns every consumer's row by number, as far as the change has come.
func (x *change) consumers() (map[uint32]*consumerRow, error) {
	if x.side.consumers != nil {
		return x.side.consumers, nil
	}
	rows, err := readConsumers(x.tx)
	if err != nil {
		return nil, err
	}
	x.side.consumers = make(map[uint32]*consumerRow, len(rows))
	for i := range rows {
		x.side.consumers[rows[i].number] = &rows[i]
	}
	return x.side.consumers, nil
}

// ack adds a consumer's number to those who have r.
func (x *change) ack(r *row, number uint32) error {
	rows, err := x.consumers()
	if err != nil {
		return err
	}
	numbers, err := readAcks(x.tx, r.ID)
	if err != nil || slices.Contains(numbers, number) || rows[number] == nil {
		return err
	}
	numbers = slices.DeleteFunc(numbers, func(n uint32) bool { return rows[n] == nil })
	if r.listed() {
		rows[number].acked++
	}
	var value []byte
	for _, n := range append(numbers, number) {
		value = binary.BigEndian.AppendUint32(value, n)
	}
	key := r.ID[:]
	return x.put(bucketAcks, slices.Clone(key), seal(bucketAcks, key, value))
}

// countAcks adds (n = 1) the clip to the counts of those who have it, or takes it out (n = -1).
func (x *change) countAcks(id ID, n int64) error {
	numbers, err := readAcks(x.tx, id)
	if err != nil || len(numbers) == 0 {
		return err
	}
	rows, err := x.consumers()
	if err != nil {
		return err
	}
	for _, number := range numbers {
		if c := rows[number]; c != nil {
			c.acked += n
		}
	}
	return nil
}

func (x *change) dropAcks(id ID) error {
	if x.tx.Bucket(bucketAcks).Get(id[:]) == nil {
		return nil
	}
	return x.delete(bucketAcks, slices.Clone(id[:]))
}
