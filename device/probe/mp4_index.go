package probe

import "time"

// segmentIndex is what a sidx box, ISO/IEC 14496-12 §8.16.3, says of the media behind it.
type segmentIndex struct {
	subsegments int
	duration    time.Duration
	end         int64 // where the last subsegment ends in the file
}

// readSidx reads a sidx box; false if it refers to other indexes or is damaged.
func readSidx(w *window, b box) (x segmentIndex, ok bool) {
	version, _, _ := fullBox(w, b)
	word := int64(4) // of earliest_presentation_time and first_offset
	if version == 1 {
		word = 8
	}
	p := field(w, b, 8, 4)
	if p == nil {
		return x, false
	}
	timescale := be.Uint32(p)
	if p = field(w, b, 12+word, int(word)+4); p == nil {
		return x, false
	}
	firstOffset := uint64(be.Uint32(p))
	if version == 1 {
		firstOffset = be.Uint64(p)
	}
	x.subsegments = int(be.Uint16(p[word+2:]))
	length, duration, ok := sidxReferences(w, b, 12+2*word+4, int64(x.subsegments))
	x.duration = seconds(duration, timescale)
	x.end = b.end + int64(min(firstOffset, 1<<62)) + length
	return x, ok
}

// sidxReferences sums size and duration of the subsegments.
func sidxReferences(w *window, b box, off, count int64) (length int64, duration uint64, ok bool) {
	for i := range count {
		p := field(w, b, off+12*i, 12)
		if p == nil || p[0]&0x80 != 0 { // reference_type
			return 0, 0, false
		}
		length += int64(be.Uint32(p))
		duration += uint64(be.Uint32(p[4:]))
	}
	return length, duration, count > 0
}

// lastFragment returns where the movie fragment random access box at the end of the file, §8.8.9, says
// the last fragment of every track is; 0 without such a box.
func lastFragment(w *window) int64 {
	mfro := w.peek(w.size-16, 16) // §8.8.11
	if mfro == nil || string(mfro[4:8]) != "mfro" {
		return 0
	}
	mfra, ok := readBox(w, w.size-int64(be.Uint32(mfro[12:])), w.size)
	if !ok || mfra.kind.String() != "mfra" || mfra.end != w.size {
		return 0
	}
	last := int64(0)
	for b := range children(w, mfra, mfra.body) {
		if b.kind.String() != "tfra" {
			continue
		}
		if off := tfraLast(w, b); off > 0 && (last == 0 || off < last) {
			last = off
		}
	}
	if moof, ok := readBox(w, last, w.size); !ok || moof.kind.String() != "moof" {
		return 0
	}
	return last
}

// tfraLast returns moof_offset of the last entry of a track's fragment index, §8.8.10; 0 if it has none.
func tfraLast(w *window, b box) int64 {
	version, _, _ := fullBox(w, b)
	p := field(w, b, 8, 8)
	if p == nil {
		return 0
	}
	sizes, count := be.Uint32(p), int64(be.Uint32(p[4:]))
	numbers := int64(sizes>>4&3 + sizes>>2&3 + sizes&3 + 3)
	if count == 0 {
		return 0
	}
	if version == 1 {
		if p = field(w, b, 16+(count-1)*(16+numbers)+8, 8); p != nil {
			return int64(min(be.Uint64(p), 1<<62))
		}
		return 0
	}
	if p = field(w, b, 16+(count-1)*(8+numbers)+4, 4); p != nil {
		return int64(be.Uint32(p))
	}
	return 0
}
