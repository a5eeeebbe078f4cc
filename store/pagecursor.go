package store

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
)

// A page cursor is a spot and a check over the spot and the query's filters, in unpadded base64url: a cursor of
// another query, or one that somebody edited, is refused. It is no secret.

const pageCursorSize = spotSize + 8

// cursorAt is the cursor of a page that ended at p.
func (q *Query) cursorAt(p []byte) string {
	b := make([]byte, 0, pageCursorSize)
	b = append(b, p...)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(b, q.check(p)))
}

// spot is where the page before the one q asks for ended.
func (q *Query) spot() (p spot, err error) {
	if len(q.Cursor) != base64.RawURLEncoding.EncodedLen(pageCursorSize) {
		return p, fmt.Errorf("%w: %d characters", ErrBadCursor, len(q.Cursor))
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil || len(b) != pageCursorSize {
		return p, fmt.Errorf("%w: it is not what a page ended with", ErrBadCursor)
	}
	copy(p[:], b)
	if q.check(p[:]) != binary.BigEndian.Uint64(b[spotSize:]) {
		return p, fmt.Errorf("%w: it belongs to another query", ErrBadCursor)
	}
	return p, nil
}

func (q *Query) check(p []byte) uint64 {
	b := append([]byte{1, byte(q.Order)}, p...)
	for _, want := range [...]*bool{q.Pinned, q.Pushed, q.Complete} {
		b = append(b, tristate(want))
	}
	b = appendTime(b, q.From)
	b = appendTime(b, q.To)
	b = append(b, q.Camera...)
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

func tristate(want *bool) byte {
	switch {
	case want == nil:
		return '?'
	case *want:
		return 'y'
	}
	return 'n'
}
