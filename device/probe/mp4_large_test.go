package probe

import (
	"testing"
	"time"
)

// hourOfFragments is a file of 3,600 fragments of one second, 280 kB each: 1 GB. index is what follows moov,
// made from where each fragment begins and ends; trailer what ends the file.
func hourOfFragments(sidx, mfra bool) *sparse {
	const fragments, mdat = 3600, 280_000
	s := &sparse{}
	s.add(mkbox("ftyp", "iso5", uint32(0)), 0)
	s.add(mkmoov(0), 0)
	length := uint32(len(mkmoof(0, 30)) + mdat)
	if sidx {
		references := make([]uint32, 0, 3*fragments)
		for range fragments {
			references = append(references, length, 90000, 0)
		}
		s.add(mkbox("sidx", uint32(0), uint32(1), uint32(90000), uint32(0), uint32(0), uint16(0), uint16(fragments), references), 0)
	}
	var entries []uint32
	for i := range fragments {
		entries = append(entries, uint32(i*90000), uint32(s.size), 0)
		s.add(mkmoof(uint64(i)*90000, 30), 0)
		s.add(pack(be, uint32(mdat), "mdat"), mdat-8)
	}
	if mfra {
		// Numbers of one byte each: twelve bytes an entry, eight of them time and offset.
		tfra := mkbox("tfra", uint32(0), uint32(1), uint32(0), uint32(fragments), tfraEntries(entries))
		s.add(mkbox("mfra", tfra, mkbox("mfro", uint32(0), uint32(len(tfra)+24))), 0)
	}
	return s
}

// tfraEntries are time, offset, and three numbers of a byte each.
func tfraEntries(entries []uint32) (out []byte) {
	for i := 0; i < len(entries); i += 3 {
		out = append(out, pack(be, entries[i], entries[i+1], []byte{1, 1, 1})...)
	}
	return out
}

// TestHourOfFragments reads only box headers of a large fragmented file, and only the index if it has one.
func TestHourOfFragments(t *testing.T) {
	for _, c := range []struct {
		name       string
		sidx, mfra bool
		bytes      int64
		reads      int
	}{
		{"no index", false, false, 1 << 20, 2*3600 + 20},
		{"sidx", true, false, 256 << 10, 20},
		{"mfra", false, true, 32 << 10, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := hourOfFragments(c.sidx, c.mfra)
			m := &meter{r: file}
			got, err := File(m, file.size)
			if err != nil || !got.Complete || got.Duration != time.Hour {
				t.Fatalf("%+v, %v", got, err)
			}
			if m.bytes > c.bytes || m.reads > c.reads {
				t.Errorf("%d bytes in %d reads; want at most %d in %d", m.bytes, m.reads, c.bytes, c.reads)
			}
			if got, err = File(file, file.size-100_000); err != nil || got.Complete {
				t.Errorf("cut off: %+v, %v", got, err)
			}
		})
	}
}

// TestLargeMediaData jumps over 6 GiB of media, with 64-bit sizes and chunk offsets.
func TestLargeMediaData(t *testing.T) {
	const mdat = 6 << 30
	stbl := [][]byte{
		mkbox("stsz", uint32(0), uint32(100), uint32(2)),
		mkbox("co64", uint32(0), uint32(2), uint64(40), uint64(5<<30)),
	}
	file := &sparse{}
	file.add(mkbox("ftyp", "isom", uint32(0)), 0)
	file.add(pack(be, uint32(1), "mdat", uint64(mdat)), mdat-16)
	file.add(mkmoov(90000*1800, stbl...), 0)
	m := &meter{r: file}
	got, err := File(m, file.size)
	if err != nil || !got.Complete || got.Duration != 30*time.Minute || got.VideoCodec != "mpeg4" || got.Width != 160 {
		t.Fatalf("%+v, %v", got, err)
	}
	if m.reads > 3 || m.bytes > 16<<10 {
		t.Errorf("%d bytes in %d reads", m.bytes, m.reads)
	}
	if _, err = File(file, file.size-1); err == nil {
		t.Error("cut inside moov: no error")
	}
}

// TestMediaMTX knows a segment that MediaMTX did not close by the duration that is not in its header.
func TestMediaMTX(t *testing.T) {
	started := time.Date(2026, 11, 22, 7, 55, 1, 500e6, time.UTC)
	mtxi := mkbox("udta", mkbox("mtxi", uint32(0), make([]byte, 32), started.UnixNano()))
	for duration, complete := range map[uint32]bool{0: false, 180000: true} {
		moov := mkmoov(duration)
		be.PutUint32(moov, uint32(len(moov)+len(mtxi)))
		file := &sparse{}
		file.add(mkbox("ftyp", "mp42", uint32(1)), 0)
		file.add(moov, 0)
		file.add(mtxi, 0)
		for i := range 2 {
			file.add(mkmoof(uint64(i)*90000, 30), 0)
			file.add(pack(be, uint32(1000), "mdat"), 992)
		}
		got, err := File(file, file.size)
		if err != nil || got.Complete != complete || got.Duration != 2*time.Second || !got.Created.Equal(started) {
			t.Errorf("duration %d in the header: %+v, %v", duration, got, err)
		}
	}
}
