package store

import (
	"encoding/binary"
	"math"
	"time"
)

// facet is what a listing may filter by, beside camera and start, as it stands in an index key.
type facet byte

const (
	facetPinned facet = 1 << iota
	facetPushed
	facetComplete
	facetPoster

	facets = 1 << iota // how many values a facet byte has
)

func facetOf(c *Clip) (f facet) {
	if c.Pinned {
		f |= facetPinned
	}
	if c.Pushed {
		f |= facetPushed
	}
	if c.Complete {
		f |= facetComplete
	}
	if c.Poster != "" {
		f |= facetPoster
	}
	return f
}

const (
	prefixSize = 4 + 1  // camera number, facet
	spotSize   = 8 + 10 // start, id
	hourKey    = 4 + 4  // camera number, hour
	indexKey   = prefixSize + spotSize
)

// spot is a place in a listing: start in milliseconds and id, so that bytes sort as listings do.
type spot [spotSize]byte

func spotOf(c *Clip) (p spot) {
	binary.BigEndian.PutUint64(p[:], ordered(c.Start.UnixMilli()))
	copy(p[8:], c.ID[:])
	return p
}

// ordered maps n so that unsigned order, the order of bytes, is n's.
func ordered(n int64) uint64 { return uint64(n) ^ 1<<63 }

func unordered(n uint64) int64 { return int64(n ^ 1<<63) }

func appendPrefix(b []byte, camera uint32, f facet) []byte {
	return append(binary.BigEndian.AppendUint32(b, camera), byte(f))
}

func appendIndexKey(b []byte, camera uint32, c *Clip) []byte {
	p := spotOf(c)
	return append(appendPrefix(b, camera, facetOf(c)), p[:]...)
}

// startOf is the start in an index key.
func startOf(key []byte) time.Time {
	return time.UnixMilli(unordered(binary.BigEndian.Uint64(key[prefixSize:]))).UTC()
}

// idOf is the id at the end of an index, pending or marked key.
func idOf(key []byte) (id ID) {
	copy(id[:], key[len(key)-len(id):])
	return id
}

// hourOf is the hour since 1970 (UTC) in which t lies, held within what a key can say.
func hourOf(t time.Time) int32 {
	ms := t.UnixMilli()
	hour := ms / time.Hour.Milliseconds()
	if ms%time.Hour.Milliseconds() < 0 {
		hour--
	}
	return int32(min(max(hour, math.MinInt32), math.MaxInt32))
}

func appendHourKey(b []byte, camera uint32, hour int32) []byte {
	b = binary.BigEndian.AppendUint32(b, camera)
	return binary.BigEndian.AppendUint32(b, uint32(hour)^1<<31)
}

func hourIn(key []byte) int32 { return int32(binary.BigEndian.Uint32(key[4:]) ^ 1<<31) }
