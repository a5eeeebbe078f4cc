package probe

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
)

// meter counts what is asked of a reader.
type meter struct {
	r              io.ReaderAt
	reads          int
	bytes, largest int64
}

func (m *meter) ReadAt(p []byte, off int64) (int, error) {
	m.reads++
	m.bytes += int64(len(p))
	m.largest = max(m.largest, int64(len(p)))
	return m.r.ReadAt(p, off)
}

// sparse is a file of any size that holds pieces of data, in order, and zeros between them.
type sparse struct {
	size   int64
	pieces []piece
}

type piece struct {
	off  int64
	data []byte
}

// add puts data at the end and room bytes of zeros behind it.
func (s *sparse) add(data []byte, room int64) {
	s.pieces = append(s.pieces, piece{s.size, data})
	s.size += int64(len(data)) + room
}

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	n := int(max(0, min(int64(len(p)), s.size-off)))
	clear(p[:n])
	i, _ := slices.BinarySearchFunc(s.pieces, off, func(q piece, off int64) int {
		if q.off+int64(len(q.data)) <= off {
			return -1
		}
		return 1
	})
	for ; i < len(s.pieces) && s.pieces[i].off < off+int64(n); i++ {
		q := s.pieces[i]
		copy(p[max(0, q.off-off):n], q.data[max(0, off-q.off):])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// mkbox is an ISO/IEC 14496-12 box of integers (big-endian, as wide as their type) and bytes.
func mkbox(kind string, parts ...any) []byte {
	body := pack(binary.BigEndian, parts...)
	return slices.Concat(be.AppendUint32(nil, uint32(8+len(body))), []byte(kind), body)
}

func pack(order binary.ByteOrder, parts ...any) []byte {
	var buf bytes.Buffer
	for _, p := range parts {
		if s, ok := p.(string); ok {
			p = []byte(s)
		}
		if err := binary.Write(&buf, order, p); err != nil {
			panic(err)
		}
	}
	return buf.Bytes()
}

// mkmoov is a movie of one 160x120 MPEG-4 video track with 90000 ticks a second, every sample 3000 long.
func mkmoov(duration uint32, stbl ...[]byte) []byte {
	entry := mkbox("mp4v", make([]byte, 24), uint16(160), uint16(120), make([]byte, 50))
	tables := mkbox("stbl", mkbox("stsd", uint32(0), uint32(1), entry), slices.Concat(stbl...))
	return mkbox("moov",
		mkbox("mvhd", uint32(0), uint32(0), uint32(0), uint32(90000), duration, make([]byte, 80)),
		mkbox("trak",
			mkbox("tkhd", uint32(7), uint32(0), uint32(0), uint32(1), uint32(0), duration, make([]byte, 60)),
			mkbox("mdia",
				mkbox("mdhd", uint32(0), uint32(0), uint32(0), uint32(90000), duration, uint32(0)),
				mkbox("hdlr", uint32(0), uint32(0), "vide", make([]byte, 13)),
				mkbox("minf", tables))),
		mkbox("mvex", mkbox("trex", uint32(0), uint32(1), uint32(1), uint32(3000), uint32(0), uint32(0))))
}

// mkmoof is a fragment of samples that begins at a time, with the size of each sample written down.
func mkmoof(time uint64, samples int) []byte {
	return mkbox("moof",
		mkbox("mfhd", uint32(0), uint32(1)),
		mkbox("traf",
			mkbox("tfhd", uint32(0x20000), uint32(1)),
			mkbox("tfdt", uint32(1<<24), time),
			mkbox("trun", uint32(0x201), uint32(samples), uint32(0), make([]uint32, samples))))
}
