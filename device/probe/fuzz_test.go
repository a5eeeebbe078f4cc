package probe

import (
	"bytes"
	"errors"
	"runtime/metrics"
	"testing"
)

// maxAllocated is what one probe may allocate, in bytes, whatever the file says.
const maxAllocated = 512 << 10

func FuzzFile(f *testing.F) {
	fuzz(f, parse)
}

func FuzzMP4(f *testing.F)      { fuzz(f, parseMP4) }
func FuzzMatroska(f *testing.F) { fuzz(f, parseMatroska) }
func FuzzAVI(f *testing.F)      { fuzz(f, parseAVI) }
func FuzzJPEG(f *testing.F)     { fuzz(f, parseJPEG) }
func FuzzAnnexB(f *testing.F)   { fuzz(f, parseAnnexB) }

func FuzzMPEGTS(f *testing.F) {
	fuzz(f, func(w *window) (Info, error) { return parseTS(w, packetLayouts[w.size&1]) })
}

func FuzzEXIF(f *testing.F) {
	fuzz(f, func(w *window) (info Info, err error) {
		readEXIF(w, &info, 0, w.size)
		return info, nil
	})
}

func FuzzParameterSets(f *testing.F) {
	f.Fuzz(func(t *testing.T, nal []byte) {
		for _, read := range []func([]byte) (pictureSize, bool){h264SPS, hevcSPS, mpegSequence} {
			if p, ok := read(nal); ok && !p.plausible() {
				t.Errorf("%+v", p)
			}
		}
	})
}

// fuzz runs one parser over whatever the fuzzer finds.
func fuzz(f *testing.F, parse func(*window) (Info, error)) {
	f.Fuzz(func(t *testing.T, data []byte) {
		// The figure is the whole process's, the fuzzer's own work included: only a run that is over
		// every time is the parser's doing.
		n := probeOnce(t, data, parse)
		for range 4 {
			if n > maxAllocated {
				n = probeOnce(t, data, parse)
			}
		}
		if n > maxAllocated {
			t.Errorf("%d bytes allocated", n)
		}
	})
}

// probeOnce checks one answer and returns how many bytes were allocated meanwhile.
func probeOnce(t *testing.T, data []byte, parse func(*window) (Info, error)) uint64 {
	m := &meter{r: bytes.NewReader(data)}
	before := allocated()
	w := openWindow(m, int64(len(data)))
	info, err := parse(w)
	if w.err != nil {
		err = w.err
	}
	w.close()
	n := allocated() - before
	checkBounds(t, info, err, m, int64(len(data)))
	return n
}

// checkBounds wants what must hold of every answer.
func checkBounds(t *testing.T, info Info, err error, m *meter, size int64) {
	t.Helper()
	switch {
	case err != nil && !errors.Is(err, ErrNotMedia) && !errors.Is(err, ErrIncomplete) && !errors.Is(err, ErrBudget):
		t.Errorf("error %v", err)
	case m.bytes > ReadBudget || m.largest > windowSize:
		t.Errorf("%d bytes read, %d at once", m.bytes, m.largest)
	case info.Duration < 0:
		t.Errorf("duration %v", info.Duration)
	case info.Width < 0 || info.Height < 0 || info.Width > maxSide || info.Height > maxSide:
		t.Errorf("%dx%d", info.Width, info.Height)
	case info.Rotation%90 != 0 || info.Rotation < 0 || info.Rotation > 270:
		t.Errorf("rotation %d", info.Rotation)
	case info.ThumbOffset < 0 || info.ThumbLength < 0 || info.ThumbOffset+info.ThumbLength > size:
		t.Errorf("thumbnail at %d, %d bytes", info.ThumbOffset, info.ThumbLength)
	}
}

// allocated is how many bytes this process has allocated on its heap since it started.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
