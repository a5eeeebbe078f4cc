package probe

import (
	"encoding/binary"
	"strings"
	"time"
)

// Tags, EXIF 2.32 §4.6.
const (
	tagOrientation        = 0x0112
	tagDateTime           = 0x0132
	tagThumbOffset        = 0x0201 // JPEGInterchangeFormat
	tagThumbLength        = 0x0202 // JPEGInterchangeFormatLength
	tagExifIFD            = 0x8769
	tagDateTimeOriginal   = 0x9003
	tagOffsetTime         = 0x9010
	tagOffsetTimeOriginal = 0x9011
	tagSubSecOriginal     = 0x9291
)

// maxEntries bounds the entries of one directory that are looked at.
const maxEntries = 512

// exif is the TIFF structure inside an APP1 segment, EXIF 2.32 §4.5.
type exif struct {
	w           *window
	base, limit int64 // file offsets: TIFF header, first byte after the segment
	order       binary.ByteOrder

	mainIFD, thumbIFD, exifIFD int64 // offsets from base
	orientation                uint32
	taken, takenZone, subSec   string
	changed, changedZone       string
}

// readEXIF puts what the EXIF data between base and limit say into info.
func readEXIF(w *window, info *Info, base, limit int64) {
	x := &exif{w: w, base: base, limit: limit}
	p := x.at(0, 8)
	switch {
	case p == nil:
		return
	case string(p[:2]) == "II":
		x.order = binary.LittleEndian
	case string(p[:2]) == "MM":
		x.order = binary.BigEndian
	default:
		return
	}
	x.mainIFD = int64(x.order.Uint32(p[4:]))
	x.thumbIFD = x.directory(x.mainIFD)
	x.directory(x.exifIFD)
	x.thumbnail(info)
	info.Rotation = orientations[min(x.orientation, 8)]
	x.times(info)
}

// orientations are the clockwise angles of values 1 to 8, EXIF 2.32 §4.6.4; mirroring is left out.
var orientations = [9]int{0, 0, 0, 180, 180, 270, 90, 90, 270}

// at returns n bytes at an offset from the TIFF header, or nil outside the segment.
func (x *exif) at(off int64, n int) []byte {
	if off < 0 || off > x.limit-x.base-int64(n) {
		return nil
	}
	return x.w.peek(x.base+off, n)
}

// directory reads the entries at off and returns where the next directory is; 0 without one.
func (x *exif) directory(off int64) int64 {
	p := x.at(off, 2)
	if p == nil || off == 0 {
		return 0
	}
	count := int64(x.order.Uint16(p))
	for i := range min(count, maxEntries) {
		if e := x.at(off+2+12*i, 12); e != nil {
			x.entry([12]byte(e))
		}
	}
	if p = x.at(off+2+12*count, 4); p == nil {
		return 0
	}
	return int64(x.order.Uint32(p))
}

// entry reads one entry: tag, type, count, value or its offset.
func (x *exif) entry(e [12]byte) {
	value := x.order.Uint32(e[8:])
	switch x.order.Uint16(e[:]) {
	case tagOrientation:
		x.orientation = uint32(x.order.Uint16(e[8:]))
	case tagExifIFD:
		x.exifIFD = int64(value)
	case tagDateTimeOriginal:
		x.taken = x.text(e)
	case tagOffsetTimeOriginal:
		x.takenZone = x.text(e)
	case tagSubSecOriginal:
		x.subSec = x.text(e)
	case tagDateTime:
		x.changed = x.text(e)
	case tagOffsetTime:
		x.changedZone = x.text(e)
	}
}

// text returns an ASCII value of at most 32 bytes; up to four are in the entry itself.
func (x *exif) text(e [12]byte) string {
	n := x.order.Uint32(e[4:])
	p := e[8 : 8+min(n, 4)]
	if n > 4 {
		p = x.at(int64(x.order.Uint32(e[8:])), int(min(n, 32)))
	}
	return strings.TrimRight(string(p), "\x00 ")
}

// thumbnail places the picture that the second directory describes, EXIF 2.32 §4.5.5.
func (x *exif) thumbnail(info *Info) {
	p := x.at(x.thumbIFD, 2)
	if p == nil || x.thumbIFD == 0 || x.thumbIFD == x.mainIFD {
		return
	}
	var off, length int64
	for i := range min(int64(x.order.Uint16(p)), maxEntries) {
		e := x.at(x.thumbIFD+2+12*i, 12)
		if e == nil {
			break
		}
		switch x.order.Uint16(e) {
		case tagThumbOffset:
			off = int64(x.order.Uint32(e[8:]))
		case tagThumbLength:
			length = int64(x.order.Uint32(e[8:]))
		}
	}
	if length > 4 && length <= x.limit-x.base && string(x.at(off, 2)) == "\xff\xd8" && off+length <= x.limit-x.base {
		info.ThumbOffset, info.ThumbLength = x.base+off, length
	}
}

// times takes when the picture was taken, else when the file was written, EXIF 2.32 §4.6.6.
func (x *exif) times(info *Info) {
	if !x.parse(info, x.taken, x.takenZone, x.subSec) {
		x.parse(info, x.changed, x.changedZone, "")
	}
}

func (x *exif) parse(info *Info, stamp, zone, subSec string) bool {
	const layout = "2006:01:02 15:04:05"
	if subSec != "" {
		stamp += "." + subSec // Parse takes a fraction that the layout has not
	}
	if t, err := time.Parse(layout+"-07:00", stamp+zone); err == nil {
		info.Created = t.UTC()
		return true
	}
	t, err := time.Parse(layout, stamp)
	if err != nil {
		return false
	}
	info.Created, info.CreatedLocal = t, true
	return true
}
