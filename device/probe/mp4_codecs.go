package probe

// readStsd reads the first sample entry, ISO/IEC 14496-12 §8.5.2: what the track's samples are.
func (t *track) readStsd(w *window, stsd box) {
	entry, ok := readBox(w, stsd.body+8, stsd.end)
	if !ok || entry.end > stsd.end {
		return
	}
	t.codec = sampleEntryCodec(entry.kind)
	switch {
	case t.isVideo():
		t.readVisual(w, entry)
	case t.isAudio():
		t.readAudio(w, entry)
	}
}

// sampleEntryCodec names the codec of a sample entry type, "unknown" if it has no name here.
func sampleEntryCodec(kind fourCC) string {
	if name, ok := sampleEntries[string(kind[:])]; ok {
		return name
	}
	return "unknown"
}

// sampleEntries are the registered sample entry types (mp4ra.org) that cameras write, with ffprobe's
// names for them.
var sampleEntries = map[string]string{
	"avc1": "h264", "avc2": "h264", "avc3": "h264", "avc4": "h264",
	"hvc1": "hevc", "hev1": "hevc", "dvh1": "hevc", "dvhe": "hevc",
	"mp4v": "mpeg4", "s263": "h263", "h263": "h263",
	"av01": "av1", "vp08": "vp8", "vp09": "vp9",
	"jpeg": "mjpeg", "mjpa": "mjpeg", "mjpg": "mjpeg", "mjpb": "mjpegb",
	"apch": "prores", "apcn": "prores", "apcs": "prores", "apco": "prores", "ap4h": "prores",
	"mp4a": "aac", ".mp3": "mp3", "Opus": "opus", "fLaC": "flac", "alac": "alac",
	"ac-3": "ac3", "ec-3": "eac3", "samr": "amr_nb", "sawb": "amr_wb",
	"ulaw": "pcm_mulaw", "alaw": "pcm_alaw", "sowt": "pcm_s16le", "twos": "pcm_s16be",
	"in24": "pcm_s24be", "in32": "pcm_s32be", "fl32": "pcm_f32be", "fl64": "pcm_f64be",
	"raw ": "pcm_u8", "ima4": "adpcm_ima_qt", "lpcm": "unknown", "ipcm": "unknown",
}

// readVisual reads a VisualSampleEntry, §12.1.3, and trusts the parameter set inside it more than the
// entry's own picture size, as decoders do.
func (t *track) readVisual(w *window, entry box) {
	p := field(w, entry, 24, 4)
	if p == nil {
		return
	}
	t.size = pictureSize{int(be.Uint16(p)), int(be.Uint16(p[2:]))}
	for b := range children(w, entry, entry.body+78) {
		switch string(b.kind[:]) {
		case "avcC":
			t.setSize(avcSize(w, b))
		case "hvcC":
			t.setSize(hvcSize(w, b))
		case "esds":
			t.setCodec(objectTypes[esdsObjectType(w, b)])
		}
	}
}

func (t *track) setSize(p pictureSize, ok bool) {
	if ok {
		t.size = p
	}
}

func (t *track) setCodec(name string) {
	if name != "" {
		t.codec = name
	}
}

// maxNAL is the longest parameter set worth looking at, in bytes.
const maxNAL = 1 << 10

// avcSize reads the first sequence parameter set of an avcC box, ISO/IEC 14496-15 §5.3.3.1.
func avcSize(w *window, b box) (pictureSize, bool) {
	p := field(w, b, 5, 3)
	if p == nil || p[0]&0x1f == 0 {
		return pictureSize{}, false
	}
	return h264SPS(field(w, b, 8, min(int(be.Uint16(p[1:])), maxNAL)))
}

// hvcSize looks for the sequence parameter set in an hvcC box, ISO/IEC 14496-15 §8.3.3.1.
func hvcSize(w *window, b box) (pictureSize, bool) {
	p := field(w, b, 22, 1)
	if p == nil {
		return pictureSize{}, false
	}
	off := int64(23)
	for range p[0] {
		array := field(w, b, off, 5)
		if array == nil {
			break
		}
		kind, count, length := array[0]&0x3f, be.Uint16(array[1:]), int64(be.Uint16(array[3:]))
		if kind == 33 && count > 0 {
			return hevcSPS(field(w, b, off+5, int(min(length, maxNAL))))
		}
		off += 3
		for range count {
			n := field(w, b, off, 2)
			if n == nil {
				return pictureSize{}, false
			}
			off += 2 + int64(be.Uint16(n))
		}
	}
	return pictureSize{}, false
}

// readAudio reads an AudioSampleEntry, §12.2.3, or QuickTime's longer versions of it.
func (t *track) readAudio(w *window, entry box) {
	p := field(w, entry, 8, 12)
	if p == nil {
		return
	}
	version, depth := be.Uint16(p), be.Uint16(p[10:])
	from := entry.body + 28
	switch version {
	case 1:
		from += 16
	case 2:
		from += 36
	}
	if depth == 8 && (t.codec == "pcm_s16le" || t.codec == "pcm_s16be") {
		t.codec = "pcm_s8"
	}
	for b := range children(w, entry, from) {
		switch string(b.kind[:]) {
		case "esds":
			t.setCodec(objectTypes[esdsObjectType(w, b)])
		case "wave": // QuickTime File Format, siDecompressionParam
			t.readWave(w, b)
		}
	}
}

// readWave reads what QuickTime wraps around esds, and the byte order of uncompressed sound.
func (t *track) readWave(w *window, wave box) {
	for b := range children(w, wave, wave.body) {
		switch string(b.kind[:]) {
		case "esds":
			t.setCodec(objectTypes[esdsObjectType(w, b)])
		case "enda":
			if p := field(w, b, 0, 2); p != nil && p[1] == 1 {
				t.setCodec(littleEndian[t.codec])
			}
		}
	}
}

var littleEndian = map[string]string{
	"pcm_s24be": "pcm_s24le", "pcm_s32be": "pcm_s32le", "pcm_f32be": "pcm_f32le", "pcm_f64be": "pcm_f64le",
}

// objectTypes are the ObjectTypeIndications of ISO/IEC 14496-1 table 5 and mp4ra.org.
var objectTypes = map[byte]string{
	0x20: "mpeg4", 0x21: "h264", 0x23: "hevc", 0x6c: "mjpeg", 0xb1: "vp9",
	0x60: "mpeg2video", 0x61: "mpeg2video", 0x62: "mpeg2video", 0x63: "mpeg2video", 0x64: "mpeg2video",
	0x65: "mpeg2video", 0x6a: "mpeg1video",
	0x40: "aac", 0x66: "aac", 0x67: "aac", 0x68: "aac", 0x69: "mp3", 0x6b: "mp3",
	0xa5: "ac3", 0xa6: "eac3", 0xa9: "dts", 0xad: "opus", 0xdd: "vorbis",
}

// esdsObjectType digs the objectTypeIndication out of an ES_Descriptor, ISO/IEC 14496-1 §7.2.6.5; 0 if
// there is none.
func esdsObjectType(w *window, b box) byte {
	p := field(w, b, 4, int(min(b.end-b.body-4, 64)))
	p, ok := descriptor(p, 3)
	if !ok || len(p) < 3 {
		return 0
	}
	flags := p[2]
	p = p[3:]
	if flags&0x80 != 0 { // streamDependenceFlag
		p = tail(p, 2)
	}
	if flags&0x40 != 0 && len(p) > 0 { // URL_Flag
		p = tail(p, 1+int(p[0]))
	}
	if flags&0x20 != 0 { // OCRstreamFlag
		p = tail(p, 2)
	}
	p, ok = descriptor(p, 4) // DecoderConfigDescriptor, §7.2.6.6
	if !ok || len(p) == 0 {
		return 0
	}
	return p[0]
}

// descriptor checks the tag and passes over the expandable length, ISO/IEC 14496-1 §8.3.3.
func descriptor(p []byte, tag byte) ([]byte, bool) {
	if len(p) == 0 || p[0] != tag {
		return nil, false
	}
	for i := 1; i < len(p) && i <= 4; i++ {
		if p[i]&0x80 == 0 {
			return p[i+1:], true
		}
	}
	return nil, false
}

// tail is p without its first n bytes.
func tail(p []byte, n int) []byte { return p[min(n, len(p)):] }
