package store

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Push is one clip on its way to one target. A clip has at most one for each target.
type Push struct {
	ID       ID
	Target   string    // a configured target's name; of a free URL its origin, '#' and what tells it from others
	URL      string    // a free URL, "" for a configured target. It is a secret: never in an event or a log
	Added    time.Time // when it was asked for
	Attempts int
	Next     time.Time // not tried before; to the millisecond
	Error    string    // why the last attempt failed
	Dead     bool      // given up: it is kept to be seen, and lives again when it is asked for again
	Size     int64     // bytes of the clip
}

const (
	pushVersion = 1

	maxTarget    = 256     // bytes of a target's name
	maxURL       = 8 << 10 // bytes of a free URL: presigned ones have up to 2 KiB
	maxPushError = 500     // bytes kept of why an attempt failed
	reasonGone   = "the clip was removed"
)

// Lane is what rests as a whole when it cannot be reached: a configured target, or a free URL's origin.
func (p *Push) Lane() string {
	if i := strings.LastIndexByte(p.Target, '#'); p.URL != "" && i >= 0 {
		return p.Target[:i]
	}
	return p.Target
}

// Key is p's place in the listing of Pushes. It is opaque.
func (p *Push) Key() string { return base64.RawURLEncoding.EncodeToString(pushKey(p.ID, p.Target)) }

// pushKey sorts pushes by clip.
func pushKey(id ID, target string) []byte { return append(bytes.Clone(id[:]), target...) }

// dueKey sorts the waiting pushes of each lane by when they are due. A lane holds no NUL.
func (p *Push) dueKey() []byte {
	b := append([]byte(p.Lane()), 0)
	b = binary.BigEndian.AppendUint64(b, ordered(p.Next.UnixMilli()))
	b = append(b, p.ID[:]...)
	return append(b, p.Target...)
}

// due is a due key taken apart.
type due struct {
	lane   string
	at     time.Time
	id     ID
	target string
}

func parseDue(key []byte) (due, error) {
	lane, rest, ok := bytes.Cut(key, []byte{0})
	var d due
	if !ok || len(rest) < 8+len(d.id) {
		return due{}, fmt.Errorf("%w: due key %.80q", ErrDamaged, key)
	}
	d.lane, d.at = string(lane), time.UnixMilli(unordered(binary.BigEndian.Uint64(rest))).UTC()
	copy(d.id[:], rest[8:])
	d.target = string(rest[8+len(d.id):])
	return d, nil
}

func (p *Push) check() error {
	switch {
	case p.Target == "" || len(p.Target) > maxTarget || strings.IndexByte(p.Target, 0) >= 0:
		return fmt.Errorf("a target's name has 1 to %d bytes, none of them NUL", maxTarget)
	case len(p.URL) > maxURL:
		return fmt.Errorf("the URL is longer than %d bytes", maxURL)
	}
	return nil
}

func (p *Push) append(b []byte) []byte {
	var flags byte
	if p.Dead {
		flags = 1
	}
	b = append(b, pushVersion, flags)
	b = appendString(b, p.URL)
	b = appendString(b, p.Error)
	b = appendTime(b, p.Added)
	b = appendTime(b, p.Next)
	b = binary.AppendVarint(b, int64(p.Attempts))
	return binary.AppendVarint(b, p.Size)
}

func decodePush(key, value []byte) (Push, error) {
	payload, err := unseal(bucketPushes, key, value)
	if err != nil {
		return Push{}, err
	}
	return parsePush(key, payload)
}

func parsePush(key, payload []byte) (Push, error) {
	var p Push
	if len(key) <= len(p.ID) {
		return Push{}, fmt.Errorf("%w: push key %.20q", ErrDamaged, key)
	}
	copy(p.ID[:], key)
	p.Target = string(key[len(p.ID):])
	d := decoder{b: payload}
	version, flags := d.byte(), d.byte()
	p.Dead = flags == 1
	p.URL, p.Error = d.string(), d.string()
	p.Added, p.Next = d.time(), d.time()
	p.Attempts, p.Size = d.int(), d.varint()
	if err := d.end(); err != nil || version != pushVersion || flags > 1 {
		return Push{}, fmt.Errorf("%w: push of clip %s", ErrDamaged, p.ID)
	}
	return p, nil
}

// readPush returns the push of clip id to target. ErrNotFound, ErrDamaged.
func readPush(tx *bolt.Tx, id ID, target string) (Push, error) {
	key := pushKey(id, target)
	value := tx.Bucket(bucketPushes).Get(key)
	if value == nil {
		return Push{}, ErrNotFound
	}
	return decodePush(key, value)
}

// pushesOf returns every push of clip id.
func pushesOf(tx *bolt.Tx, id ID) ([]Push, error) {
	var pushes []Push
	c := tx.Bucket(bucketPushes).Cursor()
	for k, v := c.Seek(id[:]); bytes.HasPrefix(k, id[:]); k, v = c.Next() {
		p, err := decodePush(k, v)
		if err != nil {
			return nil, err
		}
		pushes = append(pushes, p)
	}
	return pushes, nil
}

// Pushes returns up to limit pushes, waiting and dead, by clip, after the one with the key named ("" from the start).
// ErrBadCursor.
func (s *Store) Pushes(after string, limit int) ([]Push, error) {
	key, err := base64.RawURLEncoding.DecodeString(after)
	if err != nil {
		return nil, fmt.Errorf("%w: %.40q", ErrBadCursor, after)
	}
	if after != "" {
		key = append(key, 0)
	}
	var pushes []Push
	err = s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketPushes).Cursor()
		prev := key[:max(len(key)-1, 0)]
		for k, v := c.Seek(key); k != nil && len(pushes) < limit; k, v = c.Next() {
			if err := rising(bucketPushes, prev, k); err != nil {
				return err
			}
			prev = k
			p, err := decodePush(k, v)
			if err != nil {
				s.dropped(err)
				continue
			}
			pushes = append(pushes, p)
		}
		return nil
	})
	return pushes, err
}

// PushesOf returns the pushes of clip id, waiting and dead: whoever wants to delete it asks first.
func (s *Store) PushesOf(id ID) (pushes []Push, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		pushes, err = pushesOf(tx, id)
		return err
	})
	return pushes, err
}

// DuePush returns the push that has been due longest (ok), leaving out the lanes that are resting; else when the next one
// is due, zero where none waits. It reads two rows for each lane, however many pushes wait.
func (s *Store) DuePush(now time.Time, resting ...string) (p Push, next time.Time, ok bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		first, err := firstDue(tx, resting)
		if err != nil || first.target == "" {
			return err
		}
		if next = first.at; next.After(now) {
			return nil
		}
		p, err = readPush(tx, first.id, first.target)
		if errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("%w: a due push is missing", ErrDamaged)
		}
		ok = err == nil
		return err
	})
	return p, next, ok, err
}

// firstDue steps from lane to lane and returns the earliest; its zero value where there is none.
func firstDue(tx *bolt.Tx, resting []string) (first due, err error) {
	c := tx.Bucket(bucketDue).Cursor()
	for k, _ := c.First(); k != nil; {
		d, err := parseDue(k)
		if err != nil {
			return due{}, err
		}
		if !slices.Contains(resting, d.lane) && (first.target == "" || d.at.Before(first.at)) {
			first = d
		}
		behind := append([]byte(d.lane), 1)
		if k, _ = c.Seek(behind); k != nil && bytes.Compare(k, behind) < 0 {
			return due{}, fmt.Errorf("%w: the keys of %s do not rise", ErrDamaged, bucketDue)
		}
	}
	return first, nil
}

// PushCounts returns how many pushes wait and how many are dead. It counts nothing.
func (s *Store) PushCounts() (waiting, dead int) {
	// An error has ended the store's work already.
	_ = s.view(func(tx *bolt.Tx) error {
		sum, err := readSideSums(tx)
		waiting, dead = int(sum.waiting), int(sum.dead)
		return err
	})
	return waiting, dead
}
