package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	imagejpeg "image/jpeg"
	"slices"
	"testing"
	"time"
)

// picture64x48 is a real JPEG.
func picture64x48(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := imagejpeg.Encode(&buf, image.NewGray(image.Rect(0, 0, 64, 48)), nil); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// withEXIF inserts an APP1 segment behind SOI.
func withEXIF(picture, tiff []byte) []byte {
	body := append([]byte("Exif\x00\x00"), tiff...)
	head := []byte{0xff, 0xd8, 0xff, 0xe1}
	return slices.Concat(head, be.AppendUint16(nil, uint16(len(body)+2)), body, picture[2:])
}

// ifdEntry is one entry of a directory; a text of more than four bytes goes behind the directory.
type ifdEntry struct {
	tag   uint16
	value uint32
	text  string
}

// mkIFD is a directory that lies at an offset from the TIFF header, with its texts.
func mkIFD(order binary.ByteOrder, at uint32, next uint32, entries ...ifdEntry) []byte {
	texts := at + 2 + 12*uint32(len(entries)) + 4
	var head, tail []byte
	head = pack(order, uint16(len(entries)))
	for _, e := range entries {
		switch {
		case e.tag == tagOrientation:
			head = append(head, pack(order, e.tag, uint16(3), uint32(1), uint16(e.value), uint16(0))...)
		case e.text != "" && len(e.text) < 4:
			short := append([]byte(e.text), 0, 0, 0, 0)[:4]
			head = append(head, pack(order, e.tag, uint16(2), uint32(len(e.text)+1), short)...)
		case e.text != "":
			head = append(head, pack(order, e.tag, uint16(2), uint32(len(e.text)+1), texts+uint32(len(tail)))...)
			tail = append(tail, e.text...)
			tail = append(tail, 0)
		default:
			head = append(head, pack(order, e.tag, uint16(4), uint32(1), e.value)...)
		}
	}
	return slices.Concat(head, pack(order, next), tail)
}

func mkTIFF(order binary.ByteOrder, thumb []byte, exifEntries ...ifdEntry) []byte {
	mark := "II*\x00"
	if order == binary.BigEndian {
		mark = "MM\x00*"
	}
	const mainAt, exifAt, thumbAt, thumbData = 8, 100, 300, 400
	tiff := make([]byte, thumbData)
	copy(tiff, pack(order, mark, uint32(mainAt)))
	copy(tiff[mainAt:], mkIFD(order, mainAt, thumbAt, ifdEntry{tag: tagOrientation, value: 6}, ifdEntry{tag: tagDateTime, text: "2020:01:01 00:00:00"}, ifdEntry{tag: tagExifIFD, value: exifAt}))
	copy(tiff[exifAt:], mkIFD(order, exifAt, 0, exifEntries...))
	copy(tiff[thumbAt:], mkIFD(order, thumbAt, 0, ifdEntry{tag: tagThumbOffset, value: thumbData}, ifdEntry{tag: tagThumbLength, value: uint32(len(thumb))}))
	return append(tiff, thumb...)
}

func TestEXIF(t *testing.T) {
	picture := picture64x48(t)
	for _, c := range []struct {
		name    string
		order   binary.ByteOrder
		entries []ifdEntry
		created time.Time
		local   bool
	}{
		{"with a zone", binary.LittleEndian, []ifdEntry{
			{tag: tagDateTimeOriginal, text: "2026:11:22 07:55:01"}, {tag: tagOffsetTimeOriginal, text: "+01:00"}, {tag: tagSubSecOriginal, text: "25"},
		}, time.Date(2026, 11, 22, 6, 55, 1, 250e6, time.UTC), false},
		{"without a zone", binary.BigEndian, []ifdEntry{
			{tag: tagDateTimeOriginal, text: "2026:11:22 07:55:01"},
		}, time.Date(2026, 11, 22, 7, 55, 1, 0, time.UTC), true},
		{"blank", binary.BigEndian, []ifdEntry{
			{tag: tagDateTimeOriginal, text: "    :  :     :  :  "},
		}, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := withEXIF(picture, mkTIFF(c.order, picture, c.entries...))
			got, err := File(bytes.NewReader(data), int64(len(data)))
			if err != nil || !got.Complete {
				t.Fatalf("%+v, %v", got, err)
			}
			if got.Rotation != 90 || got.Width != 48 || got.Height != 64 {
				t.Errorf("%dx%d, rotation %d", got.Width, got.Height, got.Rotation)
			}
			if !got.Created.Equal(c.created) || got.CreatedLocal != c.local {
				t.Errorf("created %v, local %v; want %v, %v", got.Created, got.CreatedLocal, c.created, c.local)
			}
			if thumb := data[got.ThumbOffset:][:got.ThumbLength]; !bytes.Equal(thumb, picture) {
				t.Errorf("thumbnail at %d, %d bytes", got.ThumbOffset, got.ThumbLength)
			}
		})
	}
}

// TestJPEGEnd tells a whole picture, with or without something behind it, from one cut off whose thumbnail
// has an end.
func TestJPEGEnd(t *testing.T) {
	picture := picture64x48(t)
	data := withEXIF(picture, mkTIFF(binary.BigEndian, picture))
	for _, c := range []struct {
		name  string
		data  []byte
		whole bool
	}{
		{"whole", data, true},
		{"padded", append(slices.Clone(data), make([]byte, 5000)...), true},
		{"cut", data[:len(data)-2], false},
		{"cut behind the thumbnail", data[:600+len(picture)], false},
	} {
		got, err := File(bytes.NewReader(c.data), int64(len(c.data)))
		if c.whole != (err == nil && got.Complete) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if !c.whole && !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: %v, want ErrIncomplete", c.name, err)
		}
	}
}

// TestMotionJPEG is a stream of pictures, whole and cut inside the last.
func TestMotionJPEG(t *testing.T) {
	data := bytes.Repeat(picture64x48(t), 3)
	got, err := File(bytes.NewReader(data), int64(len(data)))
	if err != nil || got.Container != "mjpeg" || !got.Unindexed || !got.Complete {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = File(bytes.NewReader(data), int64(len(data)-1))
	if err != nil || got.Container != "mjpeg" || got.Complete {
		t.Errorf("cut: %+v, %v", got, err)
	}
}
