// Package zip writes the records of a ZIP archive whose files are stored as they are: .ZIP File Format Specification
// (APPNOTE.TXT 6.3.10), with ZIP64 where a number needs it. Sizes and checksums stand in front of each file, so that an
// archive's length is known before its first byte, and any byte of it can be made without those before it.
//
// It is pure: the same Entry gives the same bytes. It imports the standard library alone and knows no clip.
package zip

import (
	"encoding/binary"
	"math"
	"time"
)

// Entry is one file of an archive.
type Entry struct {
	Name  string // valid UTF-8, elements divided by "/"
	Size  int64
	CRC32 uint32
	// Modified goes into the archive twice: as its wall clock says in its Location, to two seconds, 1980 to 2107 (what DOS
	// knew), and as Unix time, where that has 32 bits.
	Modified time.Time
}

// Section numbers below are those of APPNOTE.TXT.
const (
	localMark     = 0x04034b50 // 4.3.7
	centralMark   = 0x02014b50 // 4.3.12
	end64Mark     = 0x06064b50 // 4.3.14
	locatorMark   = 0x07064b50 // 4.3.15
	endMark       = 0x06054b50 // 4.3.16
	extra64       = 0x0001     // 4.5.3
	extraTime     = 0x5455     // 4.6.1, extended timestamp
	stored        = 0          // 4.4.5
	utf8Names     = 1 << 11    // 4.4.4
	plainVersion  = 20         // 4.4.3
	wideVersion   = 45
	madeOnUnix    = 3 << 8         // 4.4.2
	regularFile   = 0o100644 << 16 // 4.4.15
	max16, max32  = math.MaxUint16, math.MaxUint32
	end64Length   = 56 - 12 // 4.3.14.1
	modTimeIsHere = 1
)

// AppendLocal appends what stands in front of the file's bytes, §4.3.7.
func AppendLocal(b []byte, e Entry) []byte {
	var extra []byte
	version, size := uint16(plainVersion), uint32(e.Size)
	if e.Size >= max32 {
		version, size = wideVersion, max32
		extra = appendExtra64(extra, e.Size, e.Size)
	}
	extra = appendTime(extra, e.Modified)
	b = le.AppendUint32(b, localMark)
	b = le.AppendUint16(b, version)
	b = appendCommon(b, e, size, len(extra))
	b = append(b, e.Name...)
	return append(b, extra...)
}

// AppendCentral appends the entry of the directory at the archive's end, §4.3.12. offset is where the file's local record
// begins.
func AppendCentral(b []byte, e Entry, offset int64) []byte {
	version, size, at := uint16(plainVersion), uint32(e.Size), uint32(offset)
	var wide []int64
	if e.Size >= max32 {
		size, wide = max32, append(wide, e.Size, e.Size)
	}
	if offset >= max32 {
		at, wide = max32, append(wide, offset)
	}
	var extra []byte
	if len(wide) > 0 {
		version = wideVersion
		extra = appendExtra64(extra, wide...)
	}
	extra = appendTime(extra, e.Modified)
	b = le.AppendUint32(b, centralMark)
	b = le.AppendUint16(b, madeOnUnix|version)
	b = le.AppendUint16(b, version)
	b = appendCommon(b, e, size, len(extra))
	b = append(b, 0, 0, 0, 0, 0, 0) // no comment, first disk, nothing internal
	b = le.AppendUint32(b, regularFile)
	b = le.AppendUint32(b, at)
	b = append(b, e.Name...)
	return append(b, extra...)
}

// AppendEnd appends what ends an archive of count files, whose directory begins at offset and has size bytes, §4.3.14 to
// §4.3.16.
func AppendEnd(b []byte, count int, offset, size int64) []byte {
	if count >= max16 || offset >= max32 || size >= max32 {
		b = appendEnd64(b, count, offset, size)
	}
	b = le.AppendUint32(b, endMark)
	b = le.AppendUint32(b, 0) // this disk, and the directory's
	b = le.AppendUint16(b, uint16(min(count, max16)))
	b = le.AppendUint16(b, uint16(min(count, max16)))
	b = le.AppendUint32(b, uint32(min(size, max32)))
	b = le.AppendUint32(b, uint32(min(offset, max32)))
	return le.AppendUint16(b, 0) // no comment
}

func appendEnd64(b []byte, count int, offset, size int64) []byte {
	b = le.AppendUint32(b, end64Mark)
	b = le.AppendUint64(b, end64Length)
	b = le.AppendUint16(b, madeOnUnix|wideVersion)
	b = le.AppendUint16(b, wideVersion)
	b = le.AppendUint64(b, 0) // this disk, and the directory's
	b = le.AppendUint64(b, uint64(count))
	b = le.AppendUint64(b, uint64(count))
	b = le.AppendUint64(b, uint64(size))
	b = le.AppendUint64(b, uint64(offset))
	b = le.AppendUint32(b, locatorMark)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, uint64(offset+size))
	return le.AppendUint32(b, 1) // disks in all
}

var le = binary.LittleEndian

// appendCommon appends the fields that a local and a central record share.
func appendCommon(b []byte, e Entry, size uint32, extra int) []byte {
	day, clock := dosTime(e.Modified)
	b = le.AppendUint16(b, utf8Names)
	b = le.AppendUint16(b, stored)
	b = le.AppendUint16(b, clock)
	b = le.AppendUint16(b, day)
	b = le.AppendUint32(b, e.CRC32)
	b = le.AppendUint32(b, size)
	b = le.AppendUint32(b, size)
	b = le.AppendUint16(b, uint16(len(e.Name)))
	return le.AppendUint16(b, uint16(extra))
}

func appendExtra64(b []byte, fields ...int64) []byte {
	b = le.AppendUint16(b, extra64)
	b = le.AppendUint16(b, uint16(8*len(fields)))
	for _, f := range fields {
		b = le.AppendUint64(b, uint64(f))
	}
	return b
}

// appendTime appends the extended timestamp, unless the time does not fit into it.
func appendTime(b []byte, t time.Time) []byte {
	if unix := t.Unix(); unix == int64(int32(unix)) {
		b = le.AppendUint16(b, extraTime)
		b = le.AppendUint16(b, 5)
		b = append(b, modTimeIsHere)
		b = le.AppendUint32(b, uint32(unix))
	}
	return b
}

// dosTime is the wall clock of t, §4.4.6.
func dosTime(t time.Time) (day, clock uint16) {
	switch y := t.Year(); {
	case y < 1980:
		return 1<<5 | 1, 0
	case y > 2107:
		return 127<<9 | 12<<5 | 31, 23<<11 | 59<<5 | 29
	}
	day = uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day())
	return day, uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
}
