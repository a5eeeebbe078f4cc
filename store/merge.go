package store

import (
	"bytes"
	"container/heap"

	bolt "go.etcd.io/bbolt"
)

// Bounds below and above every spot.
var (
	spotFloor   = []byte{}
	spotCeiling = bytes.Repeat([]byte{0xff}, spotSize+1)
)

// source is one range of the index: the clips of one camera with one facet, in order of their spots.
type source struct {
	cursor *bolt.Cursor
	prefix []byte
	key    []byte // where it stands; nil at its end
}

// first stands at the first key whose spot is not below floor.
func (s *source) first(floor []byte) bool {
	k, _ := s.cursor.Seek(append(s.prefix[:prefixSize:prefixSize], floor...))
	return s.stand(k)
}

// last stands at the last key whose spot is below ceiling.
func (s *source) last(ceiling []byte) bool {
	k, _ := s.cursor.Seek(append(s.prefix[:prefixSize:prefixSize], ceiling...))
	if k == nil {
		k, _ = s.cursor.Last()
	} else {
		k, _ = s.cursor.Prev()
	}
	return s.stand(k)
}

func (s *source) stand(k []byte) bool {
	s.key = nil
	if len(k) == indexKey && bytes.HasPrefix(k, s.prefix) {
		s.key = k
	}
	return s.key != nil
}

// selection is which index rows a listing is about. Spots: floor <= spot < ceiling.
type selection struct {
	camera         string // "" for all
	mask, want     facet  // only facets with facet&mask == want
	floor, ceiling []byte
	order          Order
}

// merge yields the keys of a selection in order, out of one range for each camera and matching facet. It holds one key of
// each range and nothing else, and is valid as long as its transaction.
type merge struct {
	selection
	sources []*source // a heap
}

func newMerge(tx *bolt.Tx, sel selection) (*merge, error) {
	cameras, err := readCameras(tx, sel.camera)
	if err != nil {
		return nil, err
	}
	m := &merge{selection: sel}
	index := tx.Bucket(bucketIndex)
	for i := range cameras {
		for f, n := range cameras[i].clips {
			if n > 0 && facet(f)&sel.mask == sel.want {
				m.open(&source{cursor: index.Cursor(), prefix: appendPrefix(nil, cameras[i].number, facet(f))})
			}
		}
	}
	heap.Init(m)
	return m, nil
}

func (m *merge) open(s *source) {
	if m.order == OldestFirst {
		s.first(m.floor)
	} else {
		s.last(m.ceiling)
	}
	if m.within(s.key) {
		m.sources = append(m.sources, s)
	}
}

func (m *merge) within(key []byte) bool {
	if key == nil {
		return false
	}
	p := key[prefixSize:]
	return bytes.Compare(p, m.floor) >= 0 && bytes.Compare(p, m.ceiling) < 0
}

// more reports whether next has another key.
func (m *merge) more() bool { return len(m.sources) > 0 }

// next returns the next key. There must be one.
func (m *merge) next() []byte {
	s := m.sources[0]
	key := s.key
	var k []byte
	if m.order == OldestFirst {
		k, _ = s.cursor.Next()
	} else {
		k, _ = s.cursor.Prev()
	}
	s.stand(k)
	if m.within(s.key) {
		heap.Fix(m, 0)
	} else {
		heap.Pop(m)
	}
	return key
}

// Len, Less, Swap, Push and Pop are container/heap's.

func (m *merge) Len() int { return len(m.sources) }

func (m *merge) Less(i, j int) bool {
	order := bytes.Compare(m.sources[i].key[prefixSize:], m.sources[j].key[prefixSize:])
	if m.order == OldestFirst {
		return order < 0
	}
	return order > 0
}

func (m *merge) Swap(i, j int) { m.sources[i], m.sources[j] = m.sources[j], m.sources[i] }

func (m *merge) Push(x any) { m.sources = append(m.sources, x.(*source)) }

func (m *merge) Pop() any {
	last := len(m.sources) - 1
	s := m.sources[last]
	m.sources = m.sources[:last]
	return s
}
