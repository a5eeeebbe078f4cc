package probe

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// mkelement is an EBML element with a size of eight bytes; without parts its size is unknown.
func mkelement(id uint32, parts ...any) []byte {
	head := be.AppendUint32(nil, id)
	for head[0] == 0 {
		head = head[1:]
	}
	if len(parts) == 0 {
		return append(head, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	}
	body := pack(binary.BigEndian, parts...)
	return slices.Concat(head, be.AppendUint64(nil, 1<<56|uint64(len(body))), body)
}

// liveHour is an hour of one track in clusters of one second, 25 pictures of 10 kB each, with or without
// their sizes written down.
func liveHour(sized bool) *sparse {
	s := &sparse{}
	s.add(mkelement(0x1a45dfa3, mkelement(idDocType, "matroska")), 0)
	s.add(mkelement(idSegment), 0)
	s.add(mkelement(idTracks, mkelement(idTrackEntry, mkelement(idTrackNumber, byte(1)), mkelement(idTrackType, byte(1)),
		mkelement(idCodecID, "V_VP8"), mkelement(idDefaultDuration, uint32(40e6)))), 0)
	var blocks [25][]byte // headers
	for i := range blocks {
		blocks[i] = slices.Concat([]byte{idSimpleBlock}, be.AppendUint64(nil, 1<<56|10_000), pack(be, byte(0x81), uint16(i*40), byte(0)))
	}
	for second := range 3600 {
		start := mkelement(idTimestamp, uint32(second*1000))
		head := mkelement(idCluster)
		if sized {
			be.PutUint64(head[4:], 1<<56|uint64(len(start)+25*(9+10_000)))
		}
		s.add(slices.Concat(head, start), 0)
		for _, block := range blocks {
			s.add(block, 9_996)
		}
	}
	return s
}

// TestLiveMatroska finds the length of a file that nobody wrote it into, within budget.
func TestLiveMatroska(t *testing.T) {
	for name, most := range map[string]int64{"unknown sizes": 16 << 20, "known sizes": 4 << 20} {
		t.Run(name, func(t *testing.T) {
			file := liveHour(name == "known sizes")
			m := &meter{r: file}
			got, err := File(m, file.size)
			if err != nil || !got.Complete || got.Duration != time.Hour {
				t.Fatalf("%+v, %v", got, err)
			}
			if m.bytes > most {
				t.Errorf("%d bytes in %d reads", m.bytes, m.reads)
			}
			got, err = File(file, file.size-5000)
			if err != nil || got.Complete || got.Duration != time.Hour-40*time.Millisecond {
				t.Errorf("cut in its last block: %+v, %v", got, err)
			}
		})
	}
}

// TestLongTransportStream reads head and tail of 2 GiB.
func TestLongTransportStream(t *testing.T) {
	files := recorded(t)
	i := slices.IndexFunc(files, func(path string) bool { return filepath.Base(path) == "plain.ts" })
	data, err := os.ReadFile(files[i])
	if err != nil {
		t.Fatal(err)
	}
	whole, err := probeFile(t, files[i])
	if err != nil {
		t.Fatal(err)
	}
	file := &sparse{}
	file.add(data, 188*12_000_000)
	file.add(data, 0)
	m := &meter{r: file}
	got, err := File(m, file.size)
	if err != nil || got != whole {
		t.Errorf("%+v, %v; want %+v", got, err, whole)
	}
	if m.bytes > 1<<20 {
		t.Errorf("%d bytes in %d reads", m.bytes, m.reads)
	}
}
