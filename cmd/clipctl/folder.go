package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// folder is a DIR that clips are pulled into, locked against other pullers. What clipctl keeps in it is in .clipctl:
// the ledger, the lock, and the parts of clips that are not whole yet.
type folder struct {
	dir    string
	ledger *ledger
	lock   *os.File
}

// errTwice is a second puller for one folder.
var errTwice = errors.New("another clipctl is pulling into it now")

// missingLedger is a folder that once had a ledger and has none now.
type missingLedger struct {
	dir   string
	since time.Time
}

func (e *missingLedger) Error() string {
	return fmt.Sprintf("%s had a ledger on %s and has none now: is the disk or share that belongs there not mounted? Nothing was pulled. "+
		"Mount it; or, if this is to be a new folder that gets every clip, say --new", e.dir, e.since.Local().Format("2006-01-02"))
}

// openFolder opens dir, or makes it where it never was one. With anew, a ledger may be missing although there was one.
// The caller closes it.
func openFolder(dir string, anew bool) (*folder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	note, err := noteOf(dir)
	if err != nil {
		return nil, err
	}
	d := &folder{dir: dir}
	_, err = os.Lstat(d.own("ledger"))
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, err
	}
	if missing && note.Ledger != "" && !anew {
		return nil, &missingLedger{dir, note.Since}
	}
	if err := d.open(missing); err != nil {
		return nil, err
	}
	if note.Ledger == d.ledger.id {
		return d, nil
	}
	if err := keepNote(ledgerNote{Dir: dir, Ledger: d.ledger.id, Since: time.Now()}); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *folder) open(missing bool) error {
	if err := os.MkdirAll(d.own(""), 0o777); err != nil {
		return err
	}
	lock, err := os.OpenFile(d.own("lock"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if err := lockFile(lock); err != nil {
		lock.Close()
		return fmt.Errorf("%s: %w", d.dir, err)
	}
	d.lock = lock
	if missing {
		err = createLedger(d.own("ledger"), rand.Text()[:16])
	}
	if err == nil {
		d.ledger, err = openLedger(d.own("ledger"))
	}
	if err != nil {
		lock.Close()
	}
	return err
}

// own is the path of a file that clipctl keeps in the folder.
func (d *folder) own(name string) string { return filepath.Join(d.dir, ".clipctl", name) }

// part is where a clip's bytes are until they are whole. Only clipctl's own ids and hashes stand in the name.
func (d *folder) part(box, id string) string {
	k := keyOf(box, id)
	return d.own(fmt.Sprintf("%s-%x.part", cleanElement(id), k[:4]))
}

// sweep removes the parts that nothing will go on with. Every clip must have been pulled.
func (d *folder) sweep() error {
	entries, err := os.ReadDir(d.own(""))
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".part") {
			err = errors.Join(err, os.Remove(d.own(e.Name())))
		}
	}
	return err
}

// close puts the ledger on disk and lets others in.
func (d *folder) close() error { return errors.Join(d.ledger.close(), d.lock.Close()) }

// ledgerNote is what clipctl remembers outside of a folder, so that the folder of an unmounted disk is not taken for a
// new one.
type ledgerNote struct {
	Dir    string    `json:"dir"`
	Ledger string    `json:"ledger"`
	Since  time.Time `json:"since"`
}

// noteOf returns what is remembered of dir; its Ledger is "" where that is nothing.
func noteOf(dir string) (n ledgerNote, err error) {
	path, err := notePath(dir)
	if err != nil {
		return n, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &n)
	}
	if err != nil {
		return n, fmt.Errorf("reading what is remembered of %s: %w", dir, err)
	}
	return n, nil
}

func keepNote(n ledgerNote) error {
	path, err := notePath(n.Dir)
	if err != nil {
		return err
	}
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := replaceFile(path, append(text, '\n')); err != nil {
		return fmt.Errorf("remembering that %s has a ledger: %w", n.Dir, err)
	}
	return nil
}

func notePath(dir string) (string, error) {
	state, err := stateFolder()
	k := keyOf("folder", dir)
	return filepath.Join(state, "pulls", fmt.Sprintf("%x.json", k)), err
}
