package probe

// stream is one elementary stream of a programme.
type stream struct {
	pid   int
	codec string // "" of private data that is neither picture nor sound, as far as is known
	video bool

	guessed bool // the tables leave the codec open; the first frame tells

	timed bool  // first is set
	first int64 // time stamp of the first frame, in 1/90000 s

	picture pictureSize
	start   []byte // of the access unit being searched for a parameter set, at most maxStart bytes

	// Of the tail:
	units     int   // PES packets seen
	last      int64 // latest presentation time, since first
	decode    int64 // decoding time of the latest PES packet, since first
	step      int64 // shortest time between two PES packets
	bytes     int64 // payload of the latest PES packet
	lastStep  int64 // time that the PES packet before it took
	lastBytes int64 // and its payload
}

// maxStart is how much of an access unit is kept: parameter sets come first, after at most some
// supplemental information.
const maxStart = 4 << 10

// hasPicture says whether the codec is one whose parameter sets are read.
func (s *stream) hasPicture() bool {
	switch s.codec {
	case "h264", "hevc", "mpeg2video", "mpeg1video":
		return true
	}
	return false
}

// payload takes the payload of one packet.
func (s *stream) payload(p []byte, starts, atEnd bool) {
	if starts {
		pts, dts, data, ok := pesHeader(p)
		if !ok {
			return
		}
		s.findPicture()
		s.frame(pts, dts, atEnd)
		p = data
		if s.guessed {
			s.recognise(p)
		}
	}
	if atEnd {
		s.bytes += int64(len(p))
		return
	}
	if s.hasPicture() && !s.picture.plausible() && s.timed && len(s.start) < maxStart {
		s.start = append(s.start, p...)
		if len(s.start) >= maxStart {
			s.findPicture()
		}
	}
}

// findPicture searches what has been kept of the last access unit.
func (s *stream) findPicture() {
	if len(s.start) == 0 {
		return
	}
	if p, ok := elementarySize(s.codec, s.start); ok {
		s.picture = p
	}
	s.start = s.start[:0]
}

// recognise tells the codec by the sync word of a frame: ISO/IEC 13818-7 §6.2.1 (ADTS), ISO/IEC 11172-3
// §2.4.2.3 (layers II and III), ETSI TS 102 366 §4.3.1 (AC-3).
func (s *stream) recognise(p []byte) {
	if len(p) < 2 {
		return
	}
	switch word := be.Uint16(p); {
	case word&0xfff6 == 0xfff0:
		s.codec = "aac"
	case word&0xffe6 == 0xffe2:
		s.codec = "mp3"
	case word&0xffe6 == 0xffe4:
		s.codec = "mp2"
	case word == 0x0b77:
		s.codec = "ac3"
	default:
		return
	}
	s.guessed = false
}

// frame notes the times of a PES packet.
func (s *stream) frame(pts, dts int64, atEnd bool) {
	if !s.timed {
		s.timed, s.first = true, pts
	}
	if !atEnd {
		return
	}
	pts, dts = sinceReference(pts, s.first), sinceReference(dts, s.first)
	if s.units > 0 {
		s.lastStep, s.lastBytes = dts-s.decode, s.bytes
		if s.lastStep > 0 && (s.step == 0 || s.lastStep < s.step) {
			s.step = s.lastStep
		}
	}
	s.units++
	s.decode, s.bytes = dts, 0
	s.last = max(s.last, pts)
}

// forgetTail makes ready for reading a longer tail.
func (s *stream) forgetTail() {
	s.units, s.last, s.decode, s.step, s.bytes, s.lastStep, s.lastBytes = 0, 0, 0, 0, 0, 0, 0
}

// length is from the first frame to the end of the last, in 1/90000 s. The last picture is taken to last as
// long as the shortest before it; the last sound, of which a PES packet carries many frames, in
// proportion to its bytes.
func (s *stream) length() int64 {
	if s.video || s.lastBytes <= 0 || s.lastStep <= 0 {
		return s.last + s.step
	}
	return s.last + min(s.lastStep*s.bytes/s.lastBytes, 2*s.lastStep)
}

// pesHeader reads the times at the start of a PES packet and returns what follows, ISO/IEC 13818-1
// §2.4.3.6; false if it has no presentation time. Without a decoding time that is the presentation time.
func pesHeader(p []byte) (pts, dts int64, data []byte, ok bool) {
	if len(p) < 14 || p[0] != 0 || p[1] != 0 || p[2] != 1 || p[6]>>6 != 2 || p[7]&0x80 == 0 {
		return 0, 0, nil, false
	}
	pts = timestamp(p[9:])
	dts = pts
	if p[7]&0x40 != 0 && len(p) >= 19 {
		dts = timestamp(p[14:])
	}
	return pts, dts, tail(p, 9+int(p[8])), true
}

// timestamp puts the 33 bits of PTS or DTS together, §2.4.3.6.
func timestamp(p []byte) int64 {
	return int64(p[0]>>1&7)<<30 | int64(be.Uint16(p[1:])>>1)<<15 | int64(be.Uint16(p[3:])>>1)
}
