package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// create makes an empty catalogue in dir: under another name first, so that a crash leaves a whole one or none.
func create(dir string) error {
	db, err := createNew(dir)
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("creating the catalogue: %w", err)
	}
	return install(dir)
}

// createNew makes an empty catalogue under the temporary name, and opens it.
func createNew(dir string) (*bolt.DB, error) {
	temporary := filepath.Join(dir, newName)
	if err := removeFile(temporary); err != nil {
		return nil, err
	}
	db, err := openBolt(temporary, maxFileSize(), false)
	if err != nil {
		return nil, err
	}
	if err := db.Update(fillNew); err != nil {
		return nil, fmt.Errorf("creating the catalogue: %w", errors.Join(asFull(err), db.Close(), removeFile(temporary)))
	}
	return db, nil
}

func fillNew(tx *bolt.Tx) error {
	for _, name := range allBuckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	if err := makeSideBuckets(tx); err != nil {
		return err
	}
	var random [8]byte
	rand.Read(random[:])
	var empty sums
	meta := tx.Bucket(bucketMeta)
	return errors.Join(
		meta.Put(metaSchema, seal(bucketMeta, metaSchema, binary.BigEndian.AppendUint32(nil, schema))),
		meta.Put(metaGeneration, seal(bucketMeta, metaGeneration, []byte(hex.EncodeToString(random[:])))),
		meta.Put(metaSums, seal(bucketMeta, metaSums, empty.append(nil))),
	)
}

// install gives the new file its name.
func install(dir string) error {
	temporary := filepath.Join(dir, newName)
	f, err := os.OpenFile(temporary, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("fsync of %s: %w", temporary, err)
	}
	if err := os.Rename(temporary, filepath.Join(dir, fileName)); err != nil {
		return err
	}
	return syncFolder(dir)
}

const (
	badPrefix = fileName + ".bad-"
	maxBad    = 2
)

// setAside keeps the catalogue under the next free name catalogue.db.bad-N, and the newest two of those.
func setAside(dir string) (name string, err error) {
	kept, err := badNumbers(dir)
	if err != nil {
		return "", err
	}
	next := 1
	if len(kept) > 0 {
		next = kept[len(kept)-1] + 1
	}
	name = badPrefix + strconv.Itoa(next)
	if err := os.Rename(filepath.Join(dir, fileName), filepath.Join(dir, name)); err != nil {
		return "", fmt.Errorf("setting the catalogue aside: %w", err)
	}
	for len(kept) >= maxBad {
		if err := removeFile(filepath.Join(dir, badPrefix+strconv.Itoa(kept[0]))); err != nil {
			return "", err
		}
		kept = kept[1:]
	}
	return name, syncFolder(dir)
}

func badNumbers(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), badPrefix)
		if n, err := strconv.Atoi(digits); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// compact writes the catalogue anew without its free pages: the file itself never shrinks. Where that fails, for want of
// space for example, the file is used as it is.
func (s *Store) compact(path string) {
	if err := compactTo(path, filepath.Join(s.Dir, newName), s.maxSize); err != nil {
		s.Log.Warn("the catalogue is more than half empty and could not be compacted", "error", errors.Join(err, removeFile(filepath.Join(s.Dir, newName))))
		return
	}
	if err := install(s.Dir); err != nil {
		s.Log.Warn("the compacted catalogue could not be put in place", "error", err)
	}
}

func compactTo(from, to string, maxSize int) error {
	src, err := openBolt(from, maxSize, true)
	if err != nil {
		return err
	}
	dst, err := openBolt(to, maxSize, false)
	if err != nil {
		return errors.Join(err, src.Close())
	}
	const txSize = 1 << 20 // bytes of keys and values in one transaction, so of memory
	return errors.Join(bolt.Compact(dst, src, txSize), dst.Close(), src.Close())
}

// lockFile takes the flock on the file at path and waits for it at most timeout. Closing the file gives it back. ErrLocked.
func lockFile(ctx context.Context, path string, timeout time.Duration) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond) // flock(2) has no wait with a limit
	defer again.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("flock of %s: %w", path, err), f.Close())
		}
		select {
		case <-again.C:
		case <-deadline.C:
			return nil, errors.Join(fmt.Errorf("%w: %s is locked", ErrLocked, path), f.Close())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		}
	}
}
