package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Order of a listing by start.
type Order byte

// Orders.
const (
	NewestFirst Order = iota
	OldestFirst
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// Query selects listed clips. The zero Query is all of them, newest first. Times count to the millisecond.
type Query struct {
	Camera   string    // "" for all
	From, To time.Time // by start: From <= start < To; zero is open
	Pinned   *bool
	Pushed   *bool
	Complete *bool
	Order    Order
	Limit    int    // at most 1000; 0 is 100
	Cursor   string // Page.Next of the same query
}

// Page is one piece of a listing.
type Page struct {
	Clips []Clip
	Next  string // "" at the end
}

// List returns one page; it reads no more index rows than the page has clips, and one for each camera and facet. A clip
// added or removed between two pages is in the listing or not; no other clip is told twice or left out. ErrBadCursor.
func (s *Store) List(q Query) (Page, error) {
	sel, err := q.selection()
	if err != nil {
		return Page{}, err
	}
	var page Page
	err = s.view(func(tx *bolt.Tx) error {
		m, err := newMerge(tx, sel)
		if err != nil {
			return err
		}
		page, err = s.page(tx, m, &q)
		return err
	})
	return page, err
}

func (s *Store) page(tx *bolt.Tx, m *merge, q *Query) (Page, error) {
	var page Page
	var last []byte
	limit := q.limit()
	for m.more() && len(page.Clips) < limit {
		last = m.next()
		c, err := readIndexed(tx, last)
		if err != nil {
			s.dropped(err)
			continue
		}
		page.Clips = append(page.Clips, c)
	}
	if m.more() && last != nil {
		page.Next = q.cursorAt(last[prefixSize:])
	}
	return page, nil
}

func (q *Query) limit() int {
	if q.Limit <= 0 {
		return defaultLimit
	}
	return min(q.Limit, maxLimit)
}

// selection is where the page that q asks for begins and ends.
func (q *Query) selection() (selection, error) {
	sel := selection{camera: q.Camera, floor: spotFloor, ceiling: spotCeiling, order: q.Order}
	for _, f := range [...]struct {
		bit  facet
		want *bool
	}{{facetPinned, q.Pinned}, {facetPushed, q.Pushed}, {facetComplete, q.Complete}} {
		if f.want == nil {
			continue
		}
		sel.mask |= f.bit
		if *f.want {
			sel.want |= f.bit
		}
	}
	if !q.From.IsZero() {
		sel.floor = binary.BigEndian.AppendUint64(nil, ordered(q.From.UnixMilli()))
	}
	if !q.To.IsZero() {
		sel.ceiling = binary.BigEndian.AppendUint64(nil, ordered(q.To.UnixMilli()))
	}
	if q.Cursor == "" {
		return sel, nil
	}
	p, err := q.spot()
	if err != nil {
		return selection{}, err
	}
	if q.Order == OldestFirst {
		sel.floor = later(sel.floor, append(p[:], 0)) // the first spot above p
	} else {
		sel.ceiling = earlier(sel.ceiling, p[:])
	}
	return sel, nil
}

func later(a, b []byte) []byte {
	if bytes.Compare(a, b) > 0 {
		return a
	}
	return b
}

func earlier(a, b []byte) []byte {
	if bytes.Compare(a, b) < 0 {
		return a
	}
	return b
}

// Latest returns the listed clip with the newest start ("" for any camera). ErrNotFound.
func (s *Store) Latest(camera string) (Clip, error) {
	return s.newest(selection{camera: camera})
}

// LatestPoster returns the newest listed clip that has a poster. ErrNotFound.
func (s *Store) LatestPoster() (Clip, error) {
	return s.newest(selection{mask: facetPoster, want: facetPoster})
}

func (s *Store) newest(sel selection) (Clip, error) {
	sel.floor, sel.ceiling = spotFloor, spotCeiling
	var found Clip
	err := s.view(func(tx *bolt.Tx) error {
		m, err := newMerge(tx, sel)
		for err == nil && m.more() {
			c, err := readIndexed(tx, m.next())
			if err == nil {
				found = c
				return nil
			}
			s.dropped(err)
		}
		return errors.Join(err, ErrNotFound)
	})
	return found, err
}

// readIndexed returns the clip that an index row is about. A row that does not say what its clip says is damage.
func readIndexed(tx *bolt.Tx, key []byte) (Clip, error) {
	r, err := readRow(tx, idOf(key))
	if err != nil {
		return Clip{}, fmt.Errorf("%w: an index row without its clip: %w", ErrDamaged, err)
	}
	if !bytes.Equal(key, appendIndexKey(nil, binary.BigEndian.Uint32(key), &r.Clip)) || !r.listed() {
		return Clip{}, fmt.Errorf("%w: the index row of clip %s is another's", ErrDamaged, r.ID)
	}
	return r.Clip, nil
}
