package probe

import (
	"strings"
	"time"
)

// Element ids of a track, RFC 9559 §5.1.4.
const (
	idTrackEntry      = 0xae
	idTrackNumber     = 0xd7
	idTrackType       = 0x83
	idDefaultDuration = 0x23e383
	idCodecID         = 0x86
	idCodecPrivate    = 0x63a2
	idVideo           = 0xe0
	idPixelWidth      = 0xb0
	idPixelHeight     = 0xba
	idAudio           = 0xe1
	idBitDepth        = 0x6264
)

// Track types, §5.1.4.1.3.
const (
	trackVideo = 1
	trackAudio = 2
)

// mkvTrack is one TrackEntry and what its blocks said.
type mkvTrack struct {
	number  uint64
	kind    uint64
	codec   string
	picture pictureSize
	depth   uint64        // bits of a sample of sound
	frame   time.Duration // how long a frame lasts; 0 if it is not said

	seen bool          // a block of this cluster
	last time.Duration // start of the last
}

// readTracks reads the tracks, §5.1.4.
func (m *matroska) readTracks(tracks element) {
	for e := range elements(m.w, tracks) {
		if e.id == idTrackEntry && len(m.tracks) < maxTracks {
			m.tracks = append(m.tracks, m.readTrack(e))
		}
	}
}

func (m *matroska) readTrack(entry element) (t mkvTrack) {
	var codecID string
	var private element
	for e := range elements(m.w, entry) {
		switch e.id {
		case idTrackNumber:
			t.number = e.uintValue(m.w)
		case idTrackType:
			t.kind = e.uintValue(m.w)
		case idDefaultDuration: // nanoseconds
			t.frame = time.Duration(min(e.uintValue(m.w), uint64(time.Hour)))
		case idCodecID:
			codecID = e.stringValue(m.w)
		case idCodecPrivate:
			private = e
		case idVideo:
			t.readVideo(m.w, e)
		case idAudio:
			for a := range elements(m.w, e) {
				if a.id == idBitDepth {
					t.depth = a.uintValue(m.w)
				}
			}
		}
	}
	t.codec = m.codec(codecID, private, t.depth)
	return t
}

// readVideo reads the picture size, §5.1.4.1.28.
func (t *mkvTrack) readVideo(w *window, video element) {
	for e := range elements(w, video) {
		switch e.id {
		case idPixelWidth:
			t.picture.width = int(min(e.uintValue(w), maxSide))
		case idPixelHeight:
			t.picture.height = int(min(e.uintValue(w), maxSide))
		}
	}
}

// codec names the codec of a CodecID, RFC 9559 §5.1.4.1.21 and the Matroska codec registry.
func (m *matroska) codec(id string, private element, depth uint64) string {
	switch {
	case id == "V_MS/VFW/FOURCC": // BITMAPINFOHEADER
		if p := m.w.peek(private.body+16, 4); p != nil {
			return aviVideoCodec(p)
		}
	case id == "A_MS/ACM": // WAVEFORMATEX
		if p := m.w.peek(private.body, 16); p != nil {
			return aviAudioCodec(le.Uint16(p), le.Uint16(p[14:]))
		}
	case strings.HasPrefix(id, "A_PCM/"):
		if name, ok := mkvPCM[pcmKey{id, depth}]; ok {
			return name
		}
	case strings.HasPrefix(id, "A_AAC"):
		return "aac"
	}
	if name, ok := mkvCodecs[id]; ok {
		return name
	}
	return "unknown"
}

var mkvCodecs = map[string]string{
	"V_MPEG4/ISO/AVC": "h264", "V_MPEGH/ISO/HEVC": "hevc",
	"V_MPEG4/ISO/SP": "mpeg4", "V_MPEG4/ISO/ASP": "mpeg4", "V_MPEG4/ISO/AP": "mpeg4",
	"V_MPEG1": "mpeg1video", "V_MPEG2": "mpeg2video", "V_MJPEG": "mjpeg",
	"V_AV1": "av1", "V_VP8": "vp8", "V_VP9": "vp9", "V_THEORA": "theora",
	"A_MPEG/L3": "mp3", "A_MPEG/L2": "mp2", "A_AC3": "ac3", "A_EAC3": "eac3", "A_DTS": "dts",
	"A_OPUS": "opus", "A_VORBIS": "vorbis", "A_FLAC": "flac", "A_ALAC": "alac",
}

type pcmKey struct {
	id    string
	depth uint64
}

var mkvPCM = map[pcmKey]string{
	{"A_PCM/INT/LIT", 8}: "pcm_u8", {"A_PCM/INT/BIG", 8}: "pcm_u8",
	{"A_PCM/INT/LIT", 16}: "pcm_s16le", {"A_PCM/INT/BIG", 16}: "pcm_s16be",
	{"A_PCM/INT/LIT", 24}: "pcm_s24le", {"A_PCM/INT/BIG", 24}: "pcm_s24be",
	{"A_PCM/INT/LIT", 32}: "pcm_s32le", {"A_PCM/INT/BIG", 32}: "pcm_s32be",
	{"A_PCM/FLOAT/IEEE", 32}: "pcm_f32le", {"A_PCM/FLOAT/IEEE", 64}: "pcm_f64le",
}
