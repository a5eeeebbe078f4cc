package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// ErrDamaged is in errors about rows or pages of the catalogue that are not what was written.
var ErrDamaged = errors.New("the catalogue is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sealSize = 4

// seal appends to payload the CRC-32C over bucket, key and payload, so that a value that comes to lie under another
// key, or in another bucket, is known to be wrong too.
func seal(bucket, key, payload []byte) []byte {
	return binary.BigEndian.AppendUint32(payload, checksum(bucket, key, payload))
}

// unseal checks a sealed value and returns its payload, which is part of value.
func unseal(bucket, key, value []byte) ([]byte, error) {
	if len(value) < sealSize {
		return nil, fmt.Errorf("%w: %s row %.20q is too short", ErrDamaged, bucket, key)
	}
	n := len(value) - sealSize
	if checksum(bucket, key, value[:n]) != binary.BigEndian.Uint32(value[n:]) {
		return nil, fmt.Errorf("%w: %s row %.20q fails its checksum", ErrDamaged, bucket, key)
	}
	return value[:n], nil
}

func checksum(bucket, key, payload []byte) uint32 {
	sum := crc32.Update(0, castagnoli, bucket)
	sum = crc32.Update(sum, castagnoli, []byte{0})
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, payload)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	b = binary.AppendVarint(b, t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

// decoder takes a payload apart. After the first fault everything it returns is zero and bad stays set; no length it
// reads makes it allocate more than the payload itself holds.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	taken := d.b[:n]
	d.b = d.b[n:]
	return taken
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string { return string(d.take(d.uvarint())) }

func (d *decoder) time() time.Time {
	sec, nsec := d.varint(), d.uvarint()
	if nsec >= uint64(time.Second) {
		d.bad = true
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec)).UTC()
}

// end reports whether the payload was sound and is used up.
func (d *decoder) end() error {
	if d.bad || len(d.b) != 0 {
		return fmt.Errorf("%w: malformed record", ErrDamaged)
	}
	return nil
}
