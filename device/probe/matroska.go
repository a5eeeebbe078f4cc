package probe

import "time"

var ebmlMagic = []byte("\x1a\x45\xdf\xa3")

// Element ids, RFC 9559 §5.1.
const (
	idDocType        = 0x4282
	idSegment        = 0x18538067
	idVoid           = 0xec
	idInfo           = 0x1549a966
	idTimestampScale = 0x2ad7b1
	idDuration       = 0x4489
	idDateUTC        = 0x4461
	idTracks         = 0x1654ae6b
	idCluster        = 0x1f43b675
	idTimestamp      = 0xe7
	idSimpleBlock    = 0xa3
	idBlockGroup     = 0xa0
	idBlock          = 0xa1
	idBlockDuration  = 0x9b
)

// matroska collects what one file says, RFC 9559.
type matroska struct {
	w       *window
	info    Info
	docType string
	scale   uint64  // nanoseconds per tick
	ticks   float64 // the duration that Info gives, 0 without one
	tracks  []mkvTrack

	media  bool       // at least one whole block, or the first cluster of a finished file
	recent [2]element // the last two clusters of known size
	blocks blockTimes
	cut    string // what is wrong at the end of the file; "" if nothing is
}

// parseMatroska reads Matroska and WebM.
func parseMatroska(w *window) (Info, error) {
	m := &matroska{w: w, info: Info{Container: "matroska", MediaType: "video/x-matroska"}, scale: 1e6} // §5.1.2.9
	header, ok := readElement(w, 0, w.size)
	if !ok || header.end > w.size {
		return m.info, incomplete("its first bytes are all there is")
	}
	for e := range elements(w, header) {
		if e.id == idDocType {
			m.docType = e.stringValue(w)
		}
	}
	segment, ok := readElement(w, header.end, w.size)
	if ok && segment.id == idSegment {
		m.readSegment(segment)
	}
	m.fill()
	return m.info, m.verdict()
}

// readSegment goes through the top-level elements, §5.1. The clusters of a finished file are not looked at.
func (m *matroska) readSegment(segment element) {
	end := min(segment.end, m.w.size)
	if segment.end > m.w.size {
		m.cut = "the file is shorter than it says"
	} else if segment.end < m.w.size {
		m.cut = "something follows its end"
	}
	for off, first := segment.body, true; off < end; first = false {
		e, ok := readElement(m.w, off, end)
		if !ok {
			m.cut = "its last element is cut off"
			break
		}
		if first && e.id == idVoid && segment.unknown {
			// libavformat keeps this place for the index it writes at the end.
			m.cut = "the recorder was killed before it could write the index"
		}
		if off = m.topLevel(e); off < 0 {
			return
		}
	}
	for _, c := range m.recent {
		if c.body > 0 {
			m.readBlocks(c)
		}
	}
}

// topLevel reads one element and returns where to go on; -1 if all is known.
func (m *matroska) topLevel(e element) int64 {
	if e.id == idCluster {
		return m.cluster(e)
	}
	if e.end > m.w.size {
		m.cut = "its last element is cut off"
		return m.w.size
	}
	switch e.id {
	case idInfo:
		m.readInfo(e)
	case idTracks:
		m.readTracks(e)
	}
	return e.end
}

// cluster steps over a cluster whose size is known; all others have to be walked to find their end.
func (m *matroska) cluster(c element) int64 {
	if m.cut == "" && m.ticks > 0 && len(m.tracks) > 0 {
		m.media = true
		return -1
	}
	if c.unknown {
		return m.readBlocks(c)
	}
	if c.end > m.w.size {
		m.cut = "its last cluster is cut off"
	}
	if !m.media {
		return m.readBlocks(c)
	}
	m.recent[0], m.recent[1] = m.recent[1], c
	return c.end
}

// readInfo reads the segment information, §5.1.2.
func (m *matroska) readInfo(info element) {
	for e := range elements(m.w, info) {
		switch e.id {
		case idTimestampScale:
			if v := e.uintValue(m.w); v > 0 {
				m.scale = v
			}
		case idDuration:
			m.ticks = e.floatValue(m.w)
		case idDateUTC: // nanoseconds since 2001, RFC 8794 §7.6
			m.info.Created = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(e.uintValue(m.w)))
		}
	}
}

// fill puts what was found into the answer.
func (m *matroska) fill() {
	for i := range m.tracks {
		t := &m.tracks[i]
		switch {
		case t.kind == trackVideo && m.info.VideoCodec == "":
			m.info.VideoCodec, m.info.Width, m.info.Height = t.codec, t.picture.width, t.picture.height
		case t.kind == trackAudio && m.info.AudioCodec == "":
			m.info.AudioCodec = t.codec
		}
	}
	m.info.Complete = m.cut == ""
	m.info.Duration = m.duration()
	if m.docType == "webm" {
		m.info.Container, m.info.MediaType = "webm", "video/webm"
	}
	if m.info.VideoCodec == "" && m.info.AudioCodec != "" {
		m.info.MediaType = "audio" + m.info.MediaType[len("video"):]
	}
}

// duration is what Info says of a finished file, and what the blocks say of others.
func (m *matroska) duration() time.Duration {
	if m.cut == "" && m.ticks > 0 {
		ns := m.ticks * float64(m.scale)
		if ns >= float64(maxDuration) {
			return maxDuration
		}
		return time.Duration(ns)
	}
	return max(0, m.blocks.end-m.blocks.first)
}

// verdict says whether anything can be played.
func (m *matroska) verdict() error {
	switch {
	case len(m.tracks) == 0:
		return incomplete("its header is not whole: no track is described")
	case !m.media:
		return incomplete("only its header: not one block of media was written")
	}
	return nil
}
