package store

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// ErrBadID is returned by ParseID for anything but 16 characters of base32hex in lower case.
var ErrBadID = errors.New("malformed clip id")

// idEncoding is base32hex (RFC 4648 §7) in lower case; its alphabet keeps the byte order, so ids sort by time.
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// ID names a clip for as long as its path, size and mtime stay the same, across a rebuild of the catalogue too.
// The first five bytes are the mtime in Unix seconds, so ids order clips by mtime.
type ID [10]byte

// MakeID computes the id of the file at path (relative to the root, as the bytes the kernel knows it by), with size
// in bytes. It is pure: the same file always gets the same id.
func MakeID(path string, size int64, mtime time.Time) ID {
	h := sha256.New()
	h.Write([]byte(path))
	var n [17]byte // the leading NUL ends the path: no path holds one
	binary.BigEndian.PutUint64(n[1:], uint64(size))
	binary.BigEndian.PutUint64(n[9:], uint64(mtime.UnixNano()))
	h.Write(n[:])
	var id ID
	var sec [8]byte
	binary.BigEndian.PutUint64(sec[:], uint64(max(mtime.Unix(), 0)))
	copy(id[:5], sec[3:])
	copy(id[5:], h.Sum(nil))
	return id
}

// ParseID reads what String wrote. Any other input is ErrBadID.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != idEncoding.EncodedLen(len(id)) {
		return ID{}, fmt.Errorf("%w: %.40q", ErrBadID, s)
	}
	if _, err := idEncoding.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("%w: %.40q", ErrBadID, s)
	}
	return id, nil
}

// String is the id as it stands in URLs and messages: 16 characters.
func (id ID) String() string { return idEncoding.EncodeToString(id[:]) }

// IsZero reports whether id is unset.
func (id ID) IsZero() bool { return id == ID{} }
