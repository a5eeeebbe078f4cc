package probe

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestReasons wants a reason that helps for everything that is not usable, and use of what is.
func TestReasons(t *testing.T) {
	ftyp := mkbox("ftyp", "isom", uint32(0))
	mdat := mkbox("mdat", make([]byte, 1000))
	chunk := func(off uint32) []byte {
		return mkmoov(90000, mkbox("stsz", uint32(0), uint32(100), uint32(2)), mkbox("stco", uint32(0), uint32(1), off))
	}
	fragment := slices.Concat(mkmoof(0, 3), mdat)
	for _, c := range []struct {
		name   string
		data   []byte
		reason string // "" if usable
		whole  bool
	}{
		{"no index", slices.Concat(ftyp, mdat), "no moov box: the recorder was killed before it could write the index", false},
		{"cut before the media", ftyp[:12], "no moov box: its last box, ftyp, is not whole", false},
		{"index cut", slices.Concat(ftyp, mdat, chunk(30)[:200]), "no moov box: its last box, moov, is not whole", false},
		{"fragments alone", fragment, "fragments without the header", false},
		{"header alone", slices.Concat(ftyp, mkmoov(0)), "only its header", false},
		{"first fragment cut", slices.Concat(ftyp, mkmoov(0), fragment[:len(fragment)-1]), "not one fragment is whole", false},
		{"index first, media cut", slices.Concat(ftyp, chunk(800), mdat[:500]), "its last box, mdat, is not whole", false},
		{"index first, media gone", slices.Concat(ftyp, chunk(5000), mdat), "behind the end of the file", false},
		{"index first", slices.Concat(ftyp, chunk(800), mdat), "", true},
		{"zeros behind", slices.Concat(ftyp, chunk(800), mdat, make([]byte, 600)), "", false},
		{"one fragment and some", slices.Concat(ftyp, mkmoov(0), fragment, fragment[:50]), "", false},
		{"indexed part and some", slices.Concat(ftyp, chunk(800), mdat, fragment[:len(fragment)-1]), "", false},
		{"Matroska header", mkelement(0x1a45dfa3, mkelement(idDocType, "matroska")), "no track is described", false},
		{"AVI header", openDML()[:40], "no stream is described", false},
		{"transport packets without tables", bytes.Repeat(append([]byte{syncByte, 0x1f, 0xff, 0x10}, make([]byte, 184)...), 9), "no table", false},
		{"raw stream without parameters", []byte{0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x41, 1, 2, 3}, "no sequence parameter set", false},
	} {
		got, err := File(bytes.NewReader(c.data), int64(len(c.data)))
		if c.reason == "" && (err != nil || got.Complete != c.whole) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if c.reason != "" && (!errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), c.reason) || got.Container == "") {
			t.Errorf("%s: %+v, %v; want %q", c.name, got, err, c.reason)
		}
	}
}

func TestNotMedia(t *testing.T) {
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte(strings.Repeat("Go is fun. ", 90)), "zeros": make([]byte, 5000), "one byte": {syncByte},
		"PNG": []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), "HEIC": mkbox("ftyp", "heic", uint32(0)),
	} {
		if got, err := File(bytes.NewReader(data), int64(len(data))); !errors.Is(err, ErrNotMedia) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// failing is a disk that cannot be read.
type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }

// TestReaderErrors wants them handed on, and a file that got shorter meanwhile not taken for a cut one.
func TestReaderErrors(t *testing.T) {
	if _, err := File(failing{}, 1000); !errors.Is(err, syscall.EIO) {
		t.Errorf("EIO: %v", err)
	}
	if _, err := File(strings.NewReader("short"), 1000); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("shorter: %v", err)
	}
}

// TestBudget gives up on a file of boxes without end, after as much reading as is allowed.
func TestBudget(t *testing.T) {
	boxes := &sparse{size: 1 << 40}
	for i := range int64(300_000) {
		boxes.pieces = append(boxes.pieces, piece{i * 1000, pack(be, uint32(1000), "free")})
	}
	m := &meter{r: boxes}
	if got, err := File(m, boxes.size); !errors.Is(err, ErrBudget) {
		t.Errorf("%+v, %v", got, err)
	}
	if m.bytes > ReadBudget || m.largest > windowSize {
		t.Errorf("%d bytes read, %d at once", m.bytes, m.largest)
	}
}

func TestKnown(t *testing.T) {
	for name, want := range map[string]bool{
		"a.mp4": true, "front/A.MP4": true, "x.m2ts": true, "raw.264": true, "p.JPEG": true,
		"a.mp4.tmp": false, "mp4": false, "a.json": false, "": false, "a.mp4/": false,
	} {
		if Known(name) != want {
			t.Errorf("Known(%q) is %v", name, !want)
		}
	}
}
