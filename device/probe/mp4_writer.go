package probe

import "time"

// writer is a program whose fragmented files show whether it closed them: each writes something last.
// Without that, a file cut off between two fragments looks whole.
type writer int

const (
	otherWriter writer = iota
	lavf               // libavformat ends with mfra, unless it is told to skip it
	mediaMTX           // MediaMTX goes back and writes the duration into mvhd
)

// readUdta reads the user data of the movie, ISO/IEC 14496-12 §8.10.1, for who wrote the file.
func (m *mp4) readUdta(udta box) {
	if writtenByLavf(m.w, udta) {
		m.writer = lavf
	}
	mtxi, ok := child(m.w, udta, "mtxi")
	if !ok {
		return
	}
	m.writer = mediaMTX
	if p := field(m.w, mtxi, 36, 8); p != nil && m.info.Created.IsZero() { // after stream, segment and DTS
		m.info.Created = unixNano(be.Uint64(p))
	}
}

// unixNano is the zero time for what is no plausible time.
func unixNano(ns uint64) time.Time {
	if ns == 0 || ns > 1<<63-1 {
		return time.Time{}
	}
	return time.Unix(0, int64(ns)).UTC()
}

// writtenByLavf looks for the encoder tag that libavformat writes: udta/meta/ilst/©too, or udta/©swr
// in QuickTime files.
func writtenByLavf(w *window, udta box) bool {
	if b, ok := child(w, udta, "\xa9swr"); ok {
		return string(field(w, b, 4, 4)) == "Lavf"
	}
	meta, ok := child(w, udta, "meta")
	if !ok {
		return false
	}
	meta.body += 4 // a full box, §8.11.1
	ilst, ok := child(w, meta, "ilst")
	if !ok {
		return false
	}
	too, ok := child(w, ilst, "\xa9too")
	return ok && string(field(w, too, 16, 4)) == "Lavf"
}

// missing says what the writer of a fragmented file leaves last and has not left; "" if nothing.
func (m *mp4) missing() string {
	switch {
	case m.writer == lavf && !m.fragments.ended:
		return "the recorder was killed before it could write the index (mfra)"
	case m.writer == mediaMTX && m.duration == 0:
		return "the recorder was killed before it could write the duration (mvhd)"
	}
	return ""
}
