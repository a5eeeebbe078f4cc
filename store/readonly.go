package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// ErrReadOnly is what Apply returns on a catalogue that OpenReadOnly opened.
var ErrReadOnly = errors.New("the catalogue was opened for reading")

// OpenReadOnly opens the catalogue of a stopped box, or a copy of one, and leaves every file in the state folder as it
// is (but for the lock, where it may be made). Only Dir, Log and BootID of o count. ErrDamaged, ErrLocked. The caller
// closes the Store.
func OpenReadOnly(ctx context.Context, o Options) (*Store, error) {
	s := newStore(o)
	s.readOnly = true
	lock, err := lockFile(ctx, filepath.Join(s.Dir, lockName), lockTimeout)
	if err != nil && !errors.Is(err, unix.EROFS) {
		return nil, err
	}
	s.lock = lock
	if err := s.openReadOnly(); err != nil {
		return nil, errors.Join(err, s.unlock())
	}
	s.pins = readPins(s.Dir)
	return s, nil
}

func (s *Store) openReadOnly() (err error) {
	path := Path(s.Dir)
	if _, err := readHead(path); err != nil {
		return err
	}
	if s.db, err = openBolt(path, s.maxSize, true); err != nil {
		return err
	}
	if err := checkSchema(s.db); err != nil {
		return errors.Join(err, s.db.Close())
	}
	if err := s.load(); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

// unlock gives back the flock, if it was had.
func (s *Store) unlock() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

// Unmatched calls each for every clip about which the journal and the rows say different things (invariant 2 of
// design.md): what was announced last of it as added must be there, what was removed must not.
func (s *Store) Unmatched(each func(id ID, path, what string)) error {
	return s.view(func(tx *bolt.Tx) error {
		last := map[ID]EventType{}
		err := tx.Bucket(bucketJournal).ForEach(func(k, v []byte) error {
			e, err := decodeEvent(k, v)
			if e.Type == ClipAdded || e.Type == ClipRemoved {
				last[e.Clip.ID] = e.Type
			}
			return err
		})
		for id, event := range last {
			if err != nil {
				break
			}
			err = unmatched(tx, id, event, each)
		}
		return err
	})
}

func unmatched(tx *bolt.Tx, id ID, event EventType, each func(id ID, path, what string)) error {
	r, err := found(readRow(tx, id))
	switch {
	case err != nil:
		return err
	case r == nil && event == ClipAdded:
		each(id, "", "it was announced and is not in the catalogue")
	case r != nil && r.stage == StageListed && event == ClipRemoved:
		each(id, r.Path, "it is listed, though its removal was announced")
	}
	return nil
}

// SalvagePins writes state/pins anew where it is damaged: with the ids that can still be read in it, and those that the
// rows have pinned. It returns how many there are, 0 if nothing was to be done.
func (s *Store) SalvagePins() (int, error) {
	if s.pins.unreadable == nil {
		return 0, nil
	}
	ids := legiblePins(s.Dir)
	err := s.eachPinned(func(c *Clip) { ids[c.ID] = struct{}{} })
	if err != nil {
		return 0, err
	}
	all := make([]ID, 0, len(ids))
	for id := range ids {
		all = append(all, id)
	}
	if err := writePins(s.Dir, all); err != nil {
		return 0, fmt.Errorf("writing the pins anew: %w", err)
	}
	s.pins = readPins(s.Dir) // the writer reads it with the next op
	return len(all), nil
}
