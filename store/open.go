package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Files of the state folder that only the catalogue uses.
const (
	fileName    = "catalogue.db"
	newName     = "catalogue.db.new" // being created or compacted
	runningName = "running"          // there while it is open, and after an unclean stop
	stoppedName = "stopped"          // the boot in which it was closed
	ballastName = "ballast"
	lockName    = "lock"

	lockTimeout = 2 * time.Second
	pageSize    = 4096
	allocSize   = 1 << 20
)

// Path is the catalogue file in the state folder dir.
func Path(dir string) string { return filepath.Join(dir, fileName) }

// Open verifies and opens (or creates) the catalogue and starts its writer. It blocks while an unclean stop is being
// verified; ctx ends that. ErrLocked if another process has it. The caller closes the Store.
func Open(ctx context.Context, o Options) (*Store, Opened, error) {
	s := newStore(o)
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, Opened{}, fmt.Errorf("making the state folder: %w", err)
	}
	lock, err := lockFile(ctx, filepath.Join(s.Dir, lockName), lockTimeout)
	if err != nil {
		return nil, Opened{}, err
	}
	s.lock = lock
	opened, err := s.openLocked(ctx)
	if err != nil {
		return nil, Opened{}, errors.Join(err, lock.Close())
	}
	go s.write()
	if err := s.reconcilePins(ctx); err != nil {
		return nil, Opened{}, errors.Join(err, s.Close())
	}
	return s, opened, nil
}

func newStore(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Synced == nil {
		o.Synced = func() bool { return false }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.maxSize == 0 {
		o.maxSize = maxFileSize()
	}
	if o.journal == (journalLimit{}) {
		o.journal = journalLimit{maxJournalRows, maxJournalSize}
	}
	return &Store{
		options: o, requests: make(chan *request),
		stop: make(chan struct{}), stopped: make(chan struct{}), failed: make(chan struct{}),
	}
}

// maxFileSize is what the file may grow to. All of it is mapped from the start, so that a writer never waits for readers
// to let it map anew; a 32-bit process has not much address space for that.
func maxFileSize() int {
	var size int64 = 2 << 30
	if math.MaxInt == math.MaxInt32 {
		size = 256 << 20
	}
	return int(size)
}

func (s *Store) openLocked(ctx context.Context) (Opened, error) {
	opened, err := s.prepare(ctx)
	if err != nil {
		return opened, err
	}
	if err := markRunning(s.Dir); err != nil {
		return opened, err
	}
	if s.db, err = openBolt(filepath.Join(s.Dir, fileName), s.maxSize, false); err != nil {
		return opened, err
	}
	if err := errors.Join(s.addSideBuckets(), s.load()); err != nil {
		return opened, errors.Join(err, s.db.Close())
	}
	if (opened.Unclean || opened.Anew) && !opened.Created {
		s.jump = uncleanJump
	}
	s.pins = readPins(s.Dir)
	s.ballast = ballast{path: filepath.Join(s.Dir, ballastName)}
	if _, err := os.Stat(s.ballast.path); err == nil {
		s.ballast.there = true
	}
	s.ballast.restore()
	return opened, nil
}

// prepare leaves a catalogue that can be opened: the one that is there, or a new one.
func (s *Store) prepare(ctx context.Context) (Opened, error) {
	path := filepath.Join(s.Dir, fileName)
	if err := removeFile(filepath.Join(s.Dir, newName)); err != nil {
		return Opened{}, err
	}
	opened := Opened{Unclean: Unclean(s.Dir), Anew: !closedIn(s.Dir, s.BootID)}
	_, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		opened.Created, opened.Reason = true, "there was none"
	case err != nil:
		return opened, err
	default:
		err := s.examine(ctx, path, &opened)
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, errTooNew) {
			return opened, err
		}
		opened.Created, opened.Reason = true, err.Error()
		return opened, s.startOver(ctx, &opened, errors.Is(err, ErrDamaged))
	}
	if !opened.Created {
		return opened, nil
	}
	return opened, create(s.Dir)
}

// errTooNew is a catalogue that a newer clipd wrote.
var errTooNew = errors.New("the catalogue was made by a newer clipd")

// examine decides whether the catalogue at path may be used. ErrDamaged and errTooNew: set it aside. Any other error says
// nothing about the catalogue.
func (s *Store) examine(ctx context.Context, path string, opened *Opened) error {
	head, err := readHead(path)
	if err != nil {
		return err
	}
	opened.Unclean = opened.Unclean || head.torn
	if opened.Unclean || opened.Anew || s.Suspect {
		if err := s.verify(ctx, path); err != nil {
			return err
		}
	}
	db, err := openBolt(path, s.maxSize, true)
	if err != nil {
		return err
	}
	err = checkSchema(db)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if head.mostlyFree() {
		s.compact(path)
	}
	return nil
}

// verify checks the catalogue after an unclean stop. Where a child process cannot be had, the rows are checked here.
func (s *Store) verify(ctx context.Context, path string) error {
	if s.Verify == nil {
		return Verify(path)
	}
	err := s.Verify(ctx, path)
	if err == nil || errors.Is(err, ErrDamaged) || errors.Is(err, ErrLocked) || ctx.Err() != nil {
		return err
	}
	s.Log.Warn("the catalogue could not be verified in a process of its own; only its rows are checked", "error", err)
	return verifyRows(path)
}

// openBolt opens the file at path as the package comment says. Panics on pages that are not what they should be are
// ErrDamaged.
func openBolt(path string, maxSize int, readOnly bool) (db *bolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: opening %s: %v", ErrDamaged, path, p)
		}
	}()
	o := &bolt.Options{
		Timeout: lockTimeout, PageSize: pageSize, FreelistType: bolt.FreelistMapType, ReadOnly: readOnly,
		MaxSize: maxSize, InitialMmapSize: maxSize, NoStatistics: true,
	}
	if readOnly {
		o.InitialMmapSize = 0
	}
	db, err = bolt.Open(path, 0o600, o)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%w: opening %s: %w", ErrDamaged, path, err)
	case err != nil:
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db.AllocSize = allocSize
	return db, nil
}

// guarded runs fn in a read transaction of db; panics and faults are ErrDamaged.
func guarded(db *bolt.DB, fn func(tx *bolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return db.View(fn)
}

// checkSchema reports whether this program can read what is in db.
func checkSchema(db *bolt.DB) error {
	return guarded(db, func(tx *bolt.Tx) error {
		for _, name := range allBuckets {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("%w: it has no bucket %s", ErrDamaged, name)
			}
		}
		version, err := unseal(bucketMeta, metaSchema, tx.Bucket(bucketMeta).Get(metaSchema))
		switch {
		case err != nil:
			return err
		case len(version) != 4 || binary.BigEndian.Uint32(version) > schema:
			return fmt.Errorf("%w (its format is %x, this one knows %d)", errTooNew, version, schema)
		}
		return checkMeta(tx)
	})
}

// checkMeta reads what load will read: damage that only load met would end every start to come.
func checkMeta(tx *bolt.Tx) error {
	_, err := readSums(tx)
	if err == nil && tx.Bucket(bucketMeta).Get(metaGeneration) == nil {
		err = fmt.Errorf("%w: it has no generation", ErrDamaged)
	}
	if err == nil {
		_, err = readText(tx, metaGeneration)
	}
	if err == nil {
		_, err = readText(tx, metaRoot)
	}
	if err == nil {
		_, err = readBoot(tx, "")
	}
	return err
}

// readText returns a text of the meta bucket, "" if it is not there.
func readText(tx *bolt.Tx, key []byte) (string, error) {
	value := tx.Bucket(bucketMeta).Get(key)
	if value == nil {
		return "", nil
	}
	text, err := unseal(bucketMeta, key, value)
	return string(text), err
}

// load takes into memory what is asked for all the time.
func (s *Store) load() error {
	return guarded(s.db, func(tx *bolt.Tx) error {
		s.durable.reach(tx.ID())
		var err error
		if s.generation, err = readText(tx, metaGeneration); err != nil {
			return err
		}
		if s.root, err = readText(tx, metaRoot); err != nil {
			return err
		}
		if s.boot, err = readBoot(tx, s.BootID); err != nil {
			return err
		}
		sum, err := readSums(tx)
		s.last.Store(sum.last)
		s.first.Store(firstSeq(tx))
		return err
	})
}

func firstSeq(tx *bolt.Tx) uint64 {
	k, _ := tx.Bucket(bucketJournal).Cursor().First()
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}

func (s *Store) firstSeq() (seq uint64) {
	// An error has ended the store's work already, and seq stays what nobody can read from.
	_ = s.view(func(tx *bolt.Tx) error {
		seq = firstSeq(tx)
		return nil
	})
	return seq
}
