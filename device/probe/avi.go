package probe

import (
	"encoding/binary"
	"time"
)

var le = binary.LittleEndian

// looksAVI recognises a RIFF file of the form AVI, Multimedia Programming Interface 1.0 chapter 2.
func looksAVI(head []byte) bool {
	return len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "AVI "
}

// avi collects what one file says: AVI RIFF File Reference, and OpenDML AVI File Format Extensions 1.02.
type avi struct {
	w       *window
	info    Info
	streams []aviStream

	promised bool // avih says that there is an index
	index    bool // there is one
	cut      bool
	counting bool  // second walk, where the index is missing: over every chunk
	pictures int64 // chunks of the first stream of pictures, counted
	chunks   bool  // a whole chunk of media was seen
}

// parseAVI reads AVI and OpenDML AVI.
func parseAVI(w *window) (Info, error) {
	a := &avi{w: w, info: Info{Container: "avi", MediaType: "video/x-msvideo"}}
	a.walk()
	if a.promised && !a.index {
		a.cut = true
	}
	if a.cut {
		a.counting = true
		a.walk()
	}
	a.fill()
	return a.info, a.verdict()
}

// walk goes through the RIFF chunks: one, and with OpenDML one more for each gigabyte.
func (a *avi) walk() {
	for off := int64(0); off < a.w.size; {
		c, ok := readChunk(a.w, off)
		if !ok || c.kind.String() != "RIFF" {
			a.cut = true
			return
		}
		if c.end > a.w.size || c.end <= c.body+4 { // sizes are filled in when recording ends
			a.cut = true
			c.end = a.w.size
		}
		a.readRIFF(c)
		off = c.next()
	}
}

// readRIFF reads the lists of one RIFF chunk.
func (a *avi) readRIFF(riff chunk) {
	for off := riff.body + 4; off < riff.end; {
		c, ok := readChunk(a.w, off)
		if !ok {
			a.cut = true
			return
		}
		movi := c.list(a.w) == "movi"
		if c.end > riff.end || movi && c.end == c.body { // sizes are filled in when recording ends
			a.cut = true
			if !movi {
				return
			}
			c.end = riff.end
		}
		a.readList(c, movi)
		off = c.next()
	}
}

// readList reads one chunk of a RIFF chunk.
func (a *avi) readList(c chunk, movi bool) {
	switch {
	case movi && a.counting:
		a.count(c)
	case c.list(a.w) == "hdrl" && !a.counting:
		a.readHeader(c)
	case c.kind.String() == "idx1":
		a.index = true
	}
}

// fill puts what was found into the answer.
func (a *avi) fill() {
	a.info.Complete = !a.cut
	for i := range a.streams {
		s := &a.streams[i]
		switch {
		case s.isVideo() && a.info.VideoCodec == "":
			a.info.VideoCodec = s.codec
			a.info.Width, a.info.Height = s.picture.width, s.picture.height
		case s.isAudio() && a.info.AudioCodec == "":
			a.info.AudioCodec = s.codec
		}
		if !a.cut {
			a.info.Duration = max(a.info.Duration, s.duration(int64(s.length)))
		}
	}
	if a.cut {
		a.info.Duration = a.counted()
	}
}

// counted is the duration of a file that was cut off.
func (a *avi) counted() time.Duration {
	if i := a.firstVideo(); i >= 0 {
		return a.streams[i].duration(a.pictures)
	}
	return 0
}

func (a *avi) firstVideo() int {
	for i := range a.streams {
		if a.streams[i].isVideo() {
			return i
		}
	}
	return -1
}

// verdict says whether anything can be played.
func (a *avi) verdict() error {
	switch {
	case len(a.streams) == 0:
		return incomplete("its header is not whole: no stream is described")
	case a.cut && !a.chunks:
		return incomplete("only its header: not one frame was written")
	}
	return nil
}
