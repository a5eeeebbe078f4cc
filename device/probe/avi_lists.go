package probe

import "time"

// chunk is where one RIFF chunk lies in the file, in bytes from its start.
type chunk struct {
	kind      fourCC
	body, end int64 // contents, first byte after; end may lie behind the end of the file
}

// next is where the following chunk begins: chunks are padded to an even length.
func (c chunk) next() int64 { return c.end + (c.end-c.body)&1 }

func readChunk(w *window, off int64) (chunk, bool) {
	p := w.peek(off, 8)
	if p == nil {
		return chunk{}, false
	}
	return chunk{fourCC(p), off + 8, off + 8 + int64(le.Uint32(p[4:]))}, true
}

// list returns the type of a LIST chunk, "" of any other.
func (c chunk) list(w *window) string {
	if c.kind.String() != "LIST" {
		return ""
	}
	return string(w.peek(c.body, 4))
}

// aviStream is one strl list.
type aviStream struct {
	kind        fourCC // vids, auds, …
	scale, rate uint32
	length      uint32 // in scale/rate seconds
	codec       string
	picture     pictureSize
}

func (s *aviStream) isVideo() bool { return s.kind.String() == "vids" }
func (s *aviStream) isAudio() bool { return s.kind.String() == "auds" }

// duration of n units of the stream.
func (s *aviStream) duration(n int64) time.Duration {
	return seconds(uint64(n)*uint64(s.scale), s.rate)
}

// readHeader reads the hdrl list.
func (a *avi) readHeader(hdrl chunk) {
	for off := hdrl.body + 4; off < hdrl.end; {
		c, ok := readChunk(a.w, off)
		if !ok || c.end > hdrl.end {
			return
		}
		switch {
		case c.kind.String() == "avih":
			if p := a.w.peek(c.body, 16); p != nil {
				a.promised = le.Uint32(p[12:])&0x10 != 0 // AVIF_HASINDEX
			}
		case c.list(a.w) == "strl" && len(a.streams) < maxStreams:
			a.readStream(c)
		case c.list(a.w) == "odml":
			a.readODML(c)
		}
		off = c.next()
	}
}

// readStream reads a strl list: header, then format.
func (a *avi) readStream(strl chunk) {
	var s aviStream
	for off := strl.body + 4; off < strl.end; {
		c, ok := readChunk(a.w, off)
		if !ok || c.end > strl.end {
			break
		}
		switch c.kind.String() {
		case "strh":
			if p := a.w.peek(c.body, 36); p != nil {
				s.kind = fourCC(p)
				s.scale, s.rate, s.length = le.Uint32(p[20:]), le.Uint32(p[24:]), le.Uint32(p[32:])
			}
		case "strf":
			s.readFormat(a.w, c)
		case "indx": // OpenDML index
			a.index = true
		}
		off = c.next()
	}
	a.streams = append(a.streams, s)
}

// readFormat reads BITMAPINFOHEADER or WAVEFORMATEX.
func (s *aviStream) readFormat(w *window, strf chunk) {
	p := w.peek(strf.body, int(min(strf.end-strf.body, 20)))
	switch {
	case s.isVideo() && len(p) == 20:
		height := int64(int32(le.Uint32(p[8:])))
		s.picture.width = int(min(le.Uint32(p[4:]), maxSide))
		s.picture.height = int(min(max(height, -height), maxSide)) // negative: top row first
		s.codec = aviVideoCodec(p[16:])
	case s.isAudio() && len(p) >= 16:
		s.codec = aviAudioCodec(le.Uint16(p), le.Uint16(p[14:]))
	}
}

// readODML reads how many pictures all RIFF chunks have together; avih and strh count those of the first.
func (a *avi) readODML(odml chunk) {
	c, ok := readChunk(a.w, odml.body+4)
	if !ok || c.kind.String() != "dmlh" || c.end > odml.end {
		return
	}
	if i := a.firstVideo(); i >= 0 {
		if p := a.w.peek(c.body, 4); p != nil {
			a.streams[i].length = max(a.streams[i].length, le.Uint32(p))
		}
	}
}

// count counts the whole chunks of pictures in a movi list, those in rec lists included.
func (a *avi) count(movi chunk) {
	defer a.w.jumps(a.w.jumps(blockRead))
	video := a.firstVideo()
	for off := movi.body + 4; off < movi.end; {
		c, ok := readChunk(a.w, off)
		if !ok {
			return
		}
		if c.list(a.w) == "rec " {
			off = c.body + 4
			continue
		}
		if c.end > movi.end {
			return
		}
		if number, media := mediaChunk(c.kind); media {
			a.chunks = true
			if number == video {
				a.pictures++
			}
		}
		off = c.next()
	}
}

// mediaChunk returns the stream of a chunk like 00dc or 01wb.
func mediaChunk(kind fourCC) (stream int, ok bool) {
	if kind[0] < '0' || kind[0] > '9' || kind[1] < '0' || kind[1] > '9' {
		return 0, false
	}
	return int(kind[0]-'0')*10 + int(kind[1]-'0'), true
}
