package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Nothing but the catalogue knows who has a clip and where it is still to go, so these rows are looked for in a damaged
// file. The file is read page by page, neither through bbolt nor mapped into memory, so that no damage ends the process;
// no page that leads to others is needed, since the checksum of a row tells the bucket it was written for.
const (
	maxSalvaged  = 100_000   // acks and pushes taken from one file
	salvageBatch = 512 << 10 // bytes in one transaction, so of memory
	rowOverhead  = 128       // bytes that a waiting row has beside its own
	salvageTime  = 2 * time.Minute
	longestPage  = 64 * pageSize // a page with two of the longest rows is shorter

	leafFlag    = 0x02
	bucketFlag  = 0x01
	leafElement = 16 // flags, position from here, length of the key, length of the value; each uint32
	boltBucket  = 16 // root uint64, 0 for a bucket whose only page follows; sequence uint64
)

// salvage makes catalogue.db.new, a new catalogue with the rows that could be taken from the damaged one at path, and
// returns how many those are. What cannot be read within salvageTime is left.
func (s *Store) salvage(ctx context.Context, path string) (rows int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	db, err := createNew(s.Dir)
	if err != nil {
		return 0, err
	}
	limited, cancel := context.WithTimeout(ctx, salvageTime)
	defer cancel()
	g := salvager{db: db}
	err = readPages(limited, f, g.row)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = nil
	}
	err = errors.Join(err, g.flush(), db.Close())
	return g.rows, err
}

// readPages calls row with each row of each page that is in use; where the list of free pages cannot be read, of those
// that are not too, with what rows were before.
func readPages(ctx context.Context, f *os.File, row func(k, v []byte) error) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	free := freePages(f, info.Size()/pageSize)
	buffer := make([]byte, longestPage)
	for id := int64(0); id < int64(len(free)); {
		if err := ctx.Err(); err != nil {
			return err
		}
		page := leafAt(f, id, buffer)
		if page == nil || free[id] {
			id++
			continue
		}
		if err := eachRow(page, row); err != nil {
			return err
		}
		id += int64(len(page) / pageSize)
	}
	return nil
}

// freePages tells of each page of the file whether it is free. Where that cannot be told, none is.
func freePages(f *os.File, pages int64) []bool {
	free := make([]bool, pages)
	h, err := newestMeta(f)
	if err != nil {
		return free
	}
	_, err = checkFreelist(f, h, func(id uint64) {
		if id < uint64(pages) {
			free[id] = true
		}
	})
	if err != nil {
		clear(free)
	}
	return free
}

// leafAt reads the page with rows that begins at page id into buffer. It returns nil where there is none.
func leafAt(f *os.File, id int64, buffer []byte) []byte {
	page := buffer[:pageSize]
	if _, err := f.ReadAt(page, id*pageSize); err != nil {
		return nil // a sector that cannot be read is damage like any other
	}
	order := binary.NativeEndian
	size := (uint64(order.Uint32(page[12:])) + 1) * pageSize
	if order.Uint64(page) != uint64(id) || order.Uint16(page[8:]) != leafFlag || size > longestPage {
		return nil
	}
	if size > pageSize {
		if _, err := f.ReadAt(buffer[pageSize:size], (id+1)*pageSize); err != nil {
			return page
		}
	}
	return buffer[:size]
}

// eachRow calls row with each row of a page, and of the small buckets that lie in it.
func eachRow(page []byte, row func(k, v []byte) error) error {
	return eachElement(page, func(flags uint32, k, v []byte) error {
		switch {
		case flags&bucketFlag == 0:
			return row(k, v)
		case len(v) < boltBucket+pageHeader || binary.NativeEndian.Uint64(v) != 0:
			return nil
		}
		return eachElement(v[boltBucket:], func(_ uint32, k, v []byte) error { return row(k, v) })
	})
}

func eachElement(page []byte, fn func(flags uint32, k, v []byte) error) error {
	order, size := binary.NativeEndian, uint64(len(page))
	at := uint64(pageHeader)
	for range order.Uint16(page[10:]) {
		if at+leafElement > size {
			return nil
		}
		e := page[at:]
		key := at + uint64(order.Uint32(e[4:]))
		value := key + uint64(order.Uint32(e[8:]))
		end := value + uint64(order.Uint32(e[12:]))
		at += leafElement
		if end > size {
			continue
		}
		if err := fn(order.Uint32(e), page[key:value], page[value:end]); err != nil {
			return err
		}
	}
	return nil
}

// salvager puts rows of a damaged catalogue into a new one.
type salvager struct {
	db        *bolt.DB
	waiting   []salvagedRow // not written yet
	size      int           // bytes of those
	rows      int           // acks and pushes
	consumers int
	consumer  uint32 // the highest number met
}

// salvagedRow is a sound row of an old catalogue. Of one that had been salvaged already, the key tells what it is.
type salvagedRow struct{ bucket, key, payload []byte }

// row takes the row if its checksum is that of one of the buckets that are salvaged.
func (g *salvager) row(k, v []byte) error {
	for _, bucket := range [...][]byte{bucketAcks, bucketConsumers, bucketPushes, bucketSalvaged} {
		payload, err := unseal(bucket, k, v)
		if err != nil {
			continue
		}
		g.size += len(k) + len(v) + rowOverhead
		g.waiting = append(g.waiting, salvagedRow{bucket, bytes.Clone(k), bytes.Clone(payload)})
		break
	}
	if g.size < salvageBatch {
		return nil
	}
	return g.flush()
}

// flush writes what waits, in one transaction.
func (g *salvager) flush() error {
	err := g.db.Update(func(tx *bolt.Tx) error {
		if _, err := tx.CreateBucketIfNotExists(bucketSalvaged); err != nil {
			return err
		}
		for _, r := range g.waiting {
			if err := g.put(tx, r); err != nil {
				return err
			}
		}
		sum := sideSums{consumer: g.consumer}
		return tx.Bucket(bucketMeta).Put(metaSide, seal(bucketMeta, metaSide, sum.append(nil)))
	})
	g.waiting, g.size = nil, 0
	if err != nil {
		return fmt.Errorf("keeping what was salvaged: %w", err)
	}
	return nil
}

// put writes r to where it waits for its clip. What is not what its checksum promised is left out.
func (g *salvager) put(tx *bolt.Tx, r salvagedRow) error {
	key := r.key
	switch {
	case bytes.Equal(r.bucket, bucketConsumers):
		return g.putConsumer(tx, r)
	case bytes.Equal(r.bucket, bucketAcks):
		key = append([]byte{salvagedAcks}, key...)
	case bytes.Equal(r.bucket, bucketPushes):
		key = append([]byte{salvagedPush}, key...)
	}
	next, err := parseSalvaged(key, r.payload)
	if err != nil {
		return nil
	}
	for _, n := range next.acks {
		g.consumer = max(g.consumer, n)
	}
	prev, err := found(readSalvaged(tx, key))
	if err != nil || prev != nil && !next.newer(prev) || prev == nil && g.rows >= maxSalvaged {
		return err
	}
	if prev == nil {
		g.rows++
	}
	return tx.Bucket(bucketSalvaged).Put(key, seal(bucketSalvaged, key, r.payload))
}

// putConsumer makes the consumer known under its old number, which acks name. It begins anew in the journal, for that
// is another one.
func (g *salvager) putConsumer(tx *bolt.Tx, r salvagedRow) error {
	next, err := parseConsumer(r.key, r.payload)
	if err != nil {
		return nil
	}
	g.consumer = max(g.consumer, next.number)
	prev, err := found(readConsumer(tx, next.name))
	switch {
	case err != nil || prev != nil && prev.number > next.number || prev == nil && g.consumers >= maxConsumers:
		return err
	case prev == nil:
		g.consumers++
	case prev.number == next.number && prev.seen.After(next.seen):
		next.seen = prev.seen
	}
	next.seq, next.acked = 0, 0
	return tx.Bucket(bucketConsumers).Put(r.key, seal(bucketConsumers, r.key, next.append(nil)))
}

// startOver sets the catalogue aside and puts a new one in its place, with what could be salvaged if it was damaged.
func (s *Store) startOver(ctx context.Context, opened *Opened, damaged bool) error {
	var rows int
	var lost error
	if damaged {
		rows, lost = s.salvage(ctx, filepath.Join(s.Dir, fileName))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if lost != nil {
		s.Log.Warn("no acks and pushes could be salvaged from the damaged catalogue", "error", lost)
	}
	var err error
	if opened.SetAside, err = setAside(s.Dir); err != nil {
		return err
	}
	s.Log.Error("the catalogue was set aside and is built anew from the recordings", "kept", opened.SetAside, "reason", opened.Reason, "salvaged", rows)
	if damaged && lost == nil {
		return install(s.Dir)
	}
	return create(s.Dir)
}
