package probe

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"
)

// mkchunk is a RIFF chunk, padded to an even length.
func mkchunk(kind string, parts ...any) []byte {
	body := pack(binary.LittleEndian, parts...)
	return slices.Concat([]byte(kind), le.AppendUint32(nil, uint32(len(body))), body, make([]byte, len(body)&1))
}

// openDML is a file of two RIFF chunks, with two and three pictures of an odd length, at ten a second.
// avih and strh count those of the first chunk.
func openDML() []byte {
	strh := mkchunk("strh", "vidsMJPG", make([]byte, 12), uint32(1), uint32(10), uint32(0), uint32(2), make([]byte, 20))
	strf := mkchunk("strf", uint32(40), int32(64), int32(-48), uint32(0), "MJPG", make([]byte, 20))
	header := mkchunk("LIST", "hdrl",
		mkchunk("avih", uint32(100_000), uint32(0), uint32(0), uint32(0x10), uint32(2), make([]byte, 36)),
		mkchunk("LIST", "strl", strh, strf, mkchunk("indx", make([]byte, 24))),
		mkchunk("LIST", "odml", mkchunk("dmlh", uint32(5))))
	frame := mkchunk("00dc", []byte("12345"))
	first := mkchunk("RIFF", "AVI ", header, mkchunk("LIST", "movi", bytes.Repeat(frame, 2)))
	second := mkchunk("RIFF", "AVIX", mkchunk("LIST", "movi", mkchunk("LIST", "rec ", bytes.Repeat(frame, 3))))
	return append(first, second...)
}

func TestOpenDML(t *testing.T) {
	data := openDML()
	for _, c := range []struct {
		name     string
		length   int
		complete bool
		duration time.Duration
	}{
		{"whole", len(data), true, 500 * time.Millisecond},
		{"cut in the last frame", len(data) - 3, false, 400 * time.Millisecond},
		{"cut in the second chunk's header", len(data) - 3*14 - 12 - 12 - 4, false, 200 * time.Millisecond},
	} {
		got, err := File(bytes.NewReader(data[:c.length]), int64(c.length))
		if err != nil || got.Complete != c.complete || got.Duration != c.duration {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if got.Width != 64 || got.Height != 48 || got.VideoCodec != "mjpeg" {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
