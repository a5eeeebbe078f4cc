package probe

import "bytes"

var jpegMagic = []byte("\xff\xd8\xff")

// Markers, ITU-T T.81 table B.1.
const (
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerAPP1 = 0xe1
	markerAPP2 = 0xe2
)

// jpeg collects what one file says, ITU-T T.81 annex B.
type jpeg struct {
	w        *window
	info     Info
	picture  pictureSize
	multiple bool // the file is several pictures by design: Multi-Picture Format, CIPA DC-007
	exifSeen bool
}

// parseJPEG reads a JPEG picture with its EXIF data, or a stream of them: motion JPEG.
func parseJPEG(w *window) (Info, error) {
	j := &jpeg{w: w, info: Info{Container: "jpeg", MediaType: "image/jpeg", VideoCodec: "mjpeg"}}
	end := j.frame(0)
	j.info.Width, j.info.Height = displayed(j.picture, j.info.Rotation)
	switch {
	case end == 0:
		return j.info, incomplete("the picture has no end")
	case !j.picture.plausible():
		return j.info, incomplete("the picture has no size")
	}
	if bytes.Equal(w.peek(end, len(jpegMagic)), jpegMagic) && !j.multiple {
		j.stream()
		return j.info, nil
	}
	j.info.Complete = true
	return j.info, nil
}

// stream is for motion JPEG: pictures one after the other, without times.
func (j *jpeg) stream() {
	j.info.Container, j.info.MediaType = "mjpeg", "video/x-motion-jpeg"
	j.info.Unindexed = true
	j.info.Complete = bytes.Equal(j.w.peek(j.w.size-2, 2), []byte{0xff, markerEOI})
}

// frame reads one picture and returns where it ends; 0 if it is cut off.
func (j *jpeg) frame(off int64) int64 {
	for off += 2; ; {
		p := j.w.peek(off, 2)
		if p == nil || p[0] != 0xff {
			return 0
		}
		marker := p[1]
		switch {
		case marker == 0xff: // fill byte, §B.1.1.2
			off++
			continue
		case marker == markerEOI:
			return off + 2
		case marker == markerSOI || marker>>3 == 0xd0>>3 || marker == 1: // no length follows
			off += 2
			continue
		}
		length := j.w.peek(off+2, 2)
		if length == nil || be.Uint16(length) < 2 {
			return 0
		}
		body, end := off+4, off+2+int64(be.Uint16(length))
		j.segment(marker, body, end)
		off = end
		if marker == markerSOS {
			if off = j.skipScan(end); off == 0 {
				return 0
			}
		}
	}
}

// segment reads one marker segment.
func (j *jpeg) segment(marker byte, body, end int64) {
	switch {
	case isSOF(marker):
		if p := j.w.peek(body, 5); p != nil { // §B.2.2
			j.picture = pictureSize{int(be.Uint16(p[3:])), int(be.Uint16(p[1:]))}
		}
	case marker == markerAPP1 && !j.exifSeen && string(j.w.peek(body, 6)) == "Exif\x00\x00": // EXIF 2.32 §4.7.2
		j.exifSeen = true
		readEXIF(j.w, &j.info, body+6, min(end, j.w.size))
	case marker == markerAPP2 && string(j.w.peek(body, 4)) == "MPF\x00":
		j.multiple = true
	}
}

// isSOF recognises a frame header: all of C0 to CF but DHT, JPG and DAC.
func isSOF(marker byte) bool {
	return marker>>4 == 0xc && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
}

// skipScan passes over entropy-coded data, in which FF is followed by 00 or is a restart marker, §B.1.1.5,
// and returns where the next marker stands; 0 if the file ends before.
func (j *jpeg) skipScan(off int64) int64 {
	for {
		p := j.w.upTo(off, windowSize)
		if len(p) < 2 {
			return 0
		}
		i := 0
		for i < len(p)-1 {
			k := bytes.IndexByte(p[i:len(p)-1], 0xff)
			if k < 0 {
				i = len(p) - 1
				break
			}
			i += k
			if next := p[i+1]; next == 0 || next>>3 == 0xd0>>3 {
				i += 2
				continue
			}
			return off + int64(i)
		}
		off += int64(i)
	}
}
