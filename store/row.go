package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// ErrBadClip is returned for a clip that cannot be catalogued: without id, path or camera, or with fields too long.
var ErrBadClip = errors.New("not a clip that can be catalogued")

const (
	rowVersion = 1

	maxPath   = 4096     // PATH_MAX, limits.h
	maxCamera = 1024     // bytes of a camera's name
	maxRecord = 64 << 10 // bytes of one clip with everything in it
)

// row is one clip with what only the catalogue knows about it.
type row struct {
	Clip
	stage  Stage
	marked bool
	reason string // why it was marked
}

// listed reports whether the row is in listings and totals.
func (r *row) listed() bool { return r.stage == StageListed && !r.marked }

const (
	flagComplete = 1 << iota
	flagHashed
	flagPinned
	flagPushed
	flagSynced
	flagMarked
	flagsKnown = flagMarked<<1 - 1
)

func (r *row) flags() byte {
	var f byte
	for i, set := range [...]bool{r.Complete, r.Hashed, r.Pinned, r.Pushed, r.ClockSynced, r.marked} {
		if set {
			f |= 1 << i
		}
	}
	return f
}

func (r *row) setFlags(f byte) {
	r.Complete = f&flagComplete != 0
	r.Hashed = f&flagHashed != 0
	r.Pinned = f&flagPinned != 0
	r.Pushed = f&flagPushed != 0
	r.ClockSynced = f&flagSynced != 0
	r.marked = f&flagMarked != 0
}

// appendRow writes r without its id, which is the key.
func appendRow(b []byte, r *row) []byte {
	b = append(b, rowVersion, byte(r.stage), r.flags())
	b = binary.AppendVarint(b, r.Size)
	b = appendTime(b, r.Mtime)
	b = appendTime(b, r.Start)
	b = binary.AppendVarint(b, int64(r.Duration))
	b = binary.AppendVarint(b, int64(r.Width))
	b = binary.AppendVarint(b, int64(r.Height))
	for _, s := range [...]string{r.Path, r.Camera, r.MediaType, r.StartSource, r.VideoCodec, r.AudioCodec, r.Poster, r.BootID, r.reason} {
		b = appendString(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Sidecars)))
	for _, s := range r.Sidecars {
		b = appendString(b, s)
	}
	if r.Hashed {
		b = append(b, r.SHA256[:]...)
		b = binary.BigEndian.AppendUint32(b, r.CRC32)
	}
	return b
}

// decodeRow reads what appendRow wrote. The row shares no memory with payload.
func decodeRow(id ID, payload []byte) (row, error) {
	d := decoder{b: payload}
	r := d.row()
	r.ID = id
	if err := d.end(); err != nil {
		return row{}, fmt.Errorf("clip %s: %w", id, err)
	}
	return r, nil
}

func (d *decoder) row() (r row) {
	version, stage, flags := d.byte(), Stage(d.byte()), d.byte()
	if version != rowVersion || stage < StageSeen || stage > StageListed || flags > flagsKnown {
		d.bad = true
		return row{}
	}
	r.stage = stage
	r.setFlags(flags)
	r.Size = d.varint()
	r.Mtime, r.Start = d.time(), d.time()
	r.Duration = time.Duration(d.varint())
	r.Width, r.Height = d.int(), d.int()
	for _, s := range [...]*string{&r.Path, &r.Camera, &r.MediaType, &r.StartSource, &r.VideoCodec, &r.AudioCodec, &r.Poster, &r.BootID, &r.reason} {
		*s = d.string()
	}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		r.Sidecars = append(r.Sidecars, d.string())
	}
	if r.Hashed {
		copy(r.SHA256[:], d.take(32))
		if crc := d.take(4); crc != nil {
			r.CRC32 = binary.BigEndian.Uint32(crc)
		}
	}
	return r
}

// int reads a picture size; one that no int of a 32-bit machine holds is damage.
func (d *decoder) int() int {
	v := d.varint()
	if v != int64(int32(v)) {
		d.bad = true
		return 0
	}
	return int(v)
}

// check refuses what the catalogue could not hold or find again.
func (c *Clip) check() error {
	switch {
	case c.ID.IsZero():
		return fmt.Errorf("%w: it has no id", ErrBadClip)
	case c.Path == "" || len(c.Path) > maxPath:
		return fmt.Errorf("%w: its path has %d bytes", ErrBadClip, len(c.Path))
	case c.Camera == "" || len(c.Camera) > maxCamera:
		return fmt.Errorf("%w: its camera's name has %d bytes", ErrBadClip, len(c.Camera))
	case c.Width != int(int32(c.Width)) || c.Height != int(int32(c.Height)):
		return fmt.Errorf("%w: a picture of %d x %d", ErrBadClip, c.Width, c.Height)
	case c.length() > maxRecord:
		return fmt.Errorf("%w: its record would have over %d bytes", ErrBadClip, maxRecord)
	}
	return nil
}

// length is an upper bound of the bytes of the clip's record, but for a constant.
func (c *Clip) length() int {
	n := len(c.Path) + len(c.Camera) + len(c.MediaType) + len(c.StartSource) + len(c.VideoCodec) + len(c.AudioCodec) +
		len(c.Poster) + len(c.BootID)
	for _, s := range c.Sidecars {
		n += len(s) + binary.MaxVarintLen32
	}
	return n
}
