package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	maxAnswer     = 64 << 10 // bytes
	maxAnswers    = 1_000
	maxAnswerSize = 8 << 20 // bytes of all answers together
	answerLife    = 24 * time.Hour
)

// The requests bucket has two rows for each answer: by its transaction the answer, by its number the transaction.
const (
	rowAnswer = 'a'
	rowOrder  = 'o'
)

type answerRow struct {
	number uint64 // increasing
	at     time.Time
	answer []byte
}

// answerKey has one length, whatever people use as a transaction.
func answerKey(verb, transaction string) []byte {
	h := sha256.New()
	h.Write(appendString(nil, verb))
	h.Write([]byte(transaction))
	return h.Sum([]byte{rowAnswer})
}

func orderKey(number uint64) []byte { return binary.BigEndian.AppendUint64([]byte{rowOrder}, number) }

func (r *answerRow) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, r.number)
	b = appendTime(b, r.at)
	return append(b, r.answer...)
}

// decodeAnswer reads a row; its answer is part of value.
func decodeAnswer(key, value []byte) (answerRow, error) {
	payload, err := unseal(bucketRequests, key, value)
	if err != nil {
		return answerRow{}, err
	}
	var r answerRow
	d := decoder{b: payload}
	if n := d.take(8); n != nil {
		r.number = binary.BigEndian.Uint64(n)
	}
	r.at = d.time()
	if d.bad {
		return answerRow{}, fmt.Errorf("%w: an answered request", ErrDamaged)
	}
	r.answer = d.b
	return r, nil
}

func readAnswer(tx *bolt.Tx, key []byte) (answerRow, error) {
	value := tx.Bucket(bucketRequests).Get(key)
	if value == nil {
		return answerRow{}, ErrNotFound
	}
	return decodeAnswer(key, value)
}

// Answered keeps what a request was answered, so that it is answered again and not done again when it comes again: the
// last 1,000 answers and 8 MiB of them, for 24 hours, each of at most 64 KiB. An earlier answer is replaced.
func Answered(verb, transaction string, answer []byte) Op {
	return Op{what: fmt.Sprintf("keeping the answer to a %.20q", verb), run: func(x *change) error {
		if len(answer) > maxAnswer {
			return fmt.Errorf("an answer of %d bytes is too long", len(answer))
		}
		key := answerKey(verb, transaction)
		if err := x.dropAnswer(key); err != nil {
			return err
		}
		x.side.answered++
		x.side.answers++
		x.side.size += int64(len(answer))
		r := answerRow{number: x.side.answered, at: x.now, answer: answer}
		if err := x.put(bucketRequests, key, seal(bucketRequests, key, r.append(nil))); err != nil {
			return err
		}
		order := orderKey(r.number)
		if err := x.put(bucketRequests, order, seal(bucketRequests, order, key)); err != nil {
			return err
		}
		return x.trimAnswers()
	}}
}

// dropAnswer removes the answer at key, if there is one.
func (x *change) dropAnswer(key []byte) error {
	r, err := found(readAnswer(x.tx, key))
	if err != nil || r == nil {
		return err
	}
	x.side.answers--
	x.side.size -= int64(len(r.answer))
	if err := x.delete(bucketRequests, orderKey(r.number)); err != nil {
		return err
	}
	return x.delete(bucketRequests, key)
}

// trimAnswers removes the oldest answers until what is left is few, small and young enough.
func (x *change) trimAnswers() error {
	for {
		k, v := x.tx.Bucket(bucketRequests).Cursor().Seek([]byte{rowOrder})
		if k == nil {
			return nil
		}
		key, err := unseal(bucketRequests, k, v)
		if err != nil {
			return err
		}
		r, err := readAnswer(x.tx, key)
		if err != nil {
			return fmt.Errorf("%w: an answered request: %w", ErrDamaged, err)
		}
		if x.side.answers <= maxAnswers && x.side.size <= maxAnswerSize && x.now.Sub(r.at) < answerLife {
			return nil
		}
		if err := x.dropAnswer(append([]byte(nil), key...)); err != nil {
			return err
		}
	}
}

// Answer returns what the request with this transaction was answered; ok is false where it was not, or is forgotten.
func (s *Store) Answer(verb, transaction string) (answer []byte, ok bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		r, err := readAnswer(tx, answerKey(verb, transaction))
		if err == nil && s.Now().Sub(r.at) < answerLife {
			answer, ok = append([]byte{}, r.answer...), true
		}
		if errors.Is(s.sound(err), ErrNotFound) {
			return nil
		}
		return err
	})
	return answer, ok, err
}
