package probe

import "time"

// packetLayout is how transport packets lie in a file.
type packetLayout struct {
	size int64 // from one packet to the next
	skip int64 // bytes before the sync byte
}

// packetLayouts are plain packets, ISO/IEC 13818-1 §2.4.3.2, and those of AVCHD and Blu-ray with a time stamp
// of four bytes before each.
var packetLayouts = []packetLayout{{188, 0}, {192, 4}}

const (
	packetSize = 188
	syncByte   = 0x47
	syncProof  = 5 // sync bytes in a row that make a transport stream; two in a shorter file
)

// findPackets says how packets lie in the file, if it is made of them.
func findPackets(w *window) (packetLayout, bool) {
	for _, l := range packetLayouts {
		want := min(w.size/l.size, syncProof)
		found := int64(0)
		for found < want {
			p := w.peek(found*l.size+l.skip, 1)
			if p == nil || p[0] != syncByte {
				break
			}
			found++
		}
		if found == want && found >= 2 {
			return l, true
		}
	}
	return packetLayout{}, false
}

// Where a transport stream is looked at, in bytes. The head goes on until everything is known about every
// stream, the tail is widened until every stream has a time in it.
const (
	tsHead     = 4 << 20
	tsTail     = 128 << 10
	tsTailMost = 4 << 20
)

// maxStreams bounds the streams of a programme.
const maxStreams = 32

// transport collects what one file says, ISO/IEC 13818-1 §2.4.
type transport struct {
	w       *window
	layout  packetLayout
	packets int64 // whole ones in the file
	pmt     int   // PID of the first programme's map; 0 until PAT names it
	streams []stream
}

// parseTS reads an MPEG transport stream: tables and first times at its head, last times at its tail.
func parseTS(w *window, layout packetLayout) (Info, error) {
	ts := &transport{w: w, layout: layout, packets: w.size / layout.size}
	info := Info{Container: "mpegts", MediaType: "video/mp2t", Complete: w.size%layout.size == 0}
	head := ts.readHead()
	ts.readTail(head)
	for i := range ts.streams {
		s := &ts.streams[i]
		switch {
		case s.video && info.VideoCodec == "":
			info.VideoCodec, info.Width, info.Height = s.codec, s.picture.width, s.picture.height
		case !s.video && info.AudioCodec == "":
			info.AudioCodec = s.codec
		}
	}
	info.Duration = ts.duration()
	switch {
	case len(ts.streams) == 0:
		return info, incomplete("no table (PAT, PMT) says which streams there are")
	case !ts.anyTime():
		return info, incomplete("not one frame has a time")
	}
	return info, nil
}

// readHead reads packets until every stream is known and returns the number of packets read.
func (ts *transport) readHead() int64 {
	for n := range min(ts.packets, tsHead/ts.layout.size) {
		ts.readPacket(n, false)
		if ts.known() {
			return n + 1
		}
	}
	return min(ts.packets, tsHead/ts.layout.size)
}

// known says whether the head has told what it can tell.
func (ts *transport) known() bool {
	for i := range ts.streams {
		s := &ts.streams[i]
		if !s.timed || s.guessed || s.hasPicture() && !s.picture.plausible() {
			return false
		}
	}
	return len(ts.streams) > 0
}

func (ts *transport) anyTime() bool {
	for i := range ts.streams {
		if ts.streams[i].timed {
			return true
		}
	}
	return false
}

// readTail reads the last packets again, more of them until every stream has been seen.
func (ts *transport) readTail(head int64) {
	for length := int64(tsTail); ; length *= 4 {
		first := max(0, ts.packets-length/ts.layout.size)
		for n := first; n < ts.packets; n++ {
			ts.readPacket(n, true)
		}
		if first == 0 || length >= tsTailMost || ts.tailKnown() || ts.w.err != nil {
			return
		}
		for i := range ts.streams {
			ts.streams[i].forgetTail()
		}
	}
}

func (ts *transport) tailKnown() bool {
	for i := range ts.streams {
		if ts.streams[i].timed && ts.streams[i].units < 2 {
			return false
		}
	}
	return true
}

// readPacket reads one packet, §2.4.3.2.
func (ts *transport) readPacket(n int64, atEnd bool) {
	p := ts.w.peek(n*ts.layout.size+ts.layout.skip, packetSize)
	if p == nil || p[0] != syncByte || p[1]&0x80 != 0 { // transport_error_indicator
		return
	}
	starts := p[1]&0x40 != 0 // payload_unit_start_indicator
	pid := int(be.Uint16(p[1:]) & 0x1fff)
	payload := packetPayload(p)
	if len(payload) == 0 {
		return
	}
	switch {
	case pid == 0 && starts && ts.pmt == 0:
		ts.readPAT(payload)
	case pid == ts.pmt && pid != 0 && starts && len(ts.streams) == 0:
		ts.readPMT(payload)
	default:
		if s := ts.stream(pid); s != nil {
			s.payload(payload, starts, atEnd)
		}
	}
}

// packetPayload returns what follows header and adaptation field, §2.4.3.3.
func packetPayload(p []byte) []byte {
	switch p[3] >> 4 & 3 {
	case 1:
		return p[4:]
	case 3:
		return tail(p, 5+int(p[4]))
	}
	return nil
}

func (ts *transport) stream(pid int) *stream {
	for i := range ts.streams {
		if ts.streams[i].pid == pid {
			return &ts.streams[i]
		}
	}
	return nil
}

// duration is from the first time of any stream to the end of the last frame of any.
func (ts *transport) duration() time.Duration {
	var ref, first, end int64
	seen := false
	for i := range ts.streams {
		s := &ts.streams[i]
		if !s.timed || s.codec == "" {
			continue
		}
		if !seen {
			ref, seen = s.first, true
		}
		first = min(first, sinceReference(s.first, ref))
		end = max(end, sinceReference(s.first, ref)+s.length())
	}
	return seconds(uint64(end-first), clockRate)
}

const (
	clockRate = 90000 // of PTS and DTS, per second, §2.4.3.7
	clockWrap = int64(1) << 33
	backwards = 10 * clockRate // a time this little before the reference is not one wrap behind it
)

// sinceReference is pts - ref, across the wrap of the 33-bit clock.
func sinceReference(pts, ref int64) int64 {
	return (pts-ref+backwards+clockWrap)%clockWrap - backwards
}
