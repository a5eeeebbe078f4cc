package probe

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTruncated cuts every recording at every edge of its structure, one byte beside each, and at a hundred
// places more. Nothing short of the whole may pass for the whole, but for containers without an end mark.
func TestTruncated(t *testing.T) {
	for _, path := range recorded(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := File(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range cuts(data, whole) {
				checkCut(t, data[:n], whole, endless(path, whole))
			}
		})
	}
}

// endless containers have no end mark: a cut between two packets is an end like any other.
func endless(path string, whole Info) bool {
	name := filepath.Base(path)
	return whole.Unindexed || whole.Container == "mpegts" || strings.HasPrefix(name, "live") || name == "piped.mkv"
}

func checkCut(t *testing.T, data []byte, whole Info, endless bool) {
	t.Helper()
	got, err := File(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		if !errors.Is(err, ErrIncomplete) && !errors.Is(err, ErrNotMedia) {
			t.Errorf("cut at %d: %v", len(data), err)
		}
		return
	}
	if got.Complete && got != whole && !endless {
		t.Errorf("cut at %d passes for complete: %+v", len(data), got)
	}
	if got.Complete && whole.Container == "mpegts" && len(data)%188 != 0 && len(data)%192 != 0 {
		t.Errorf("cut at %d, inside a packet, passes for complete", len(data))
	}
	if got.Duration > whole.Duration+whole.Duration/10 {
		t.Errorf("cut at %d: lasts %v, the whole %v", len(data), got.Duration, whole.Duration)
	}
}

// cuts are lengths shorter than data.
func cuts(data []byte, whole Info) []int {
	random := rand.New(rand.NewPCG(1, uint64(len(data))))
	var at []int
	for _, edge := range edges(data, whole.Container) {
		at = append(at, int(edge)-1, int(edge), int(edge)+1)
	}
	for range 100 {
		at = append(at, random.IntN(len(data)))
	}
	slices.Sort(at)
	at = slices.Compact(at)
	return slices.DeleteFunc(at, func(n int) bool { return n < 0 || n >= len(data) })
}

// edges are where structures begin and end.
func edges(data []byte, container string) []int64 {
	w := openWindow(bytes.NewReader(data), int64(len(data)))
	defer w.close()
	switch container {
	case "mp4":
		return boxEdges(w, 0, w.size)
	case "matroska", "webm":
		return elementEdges(w, 0, w.size)
	case "avi":
		return chunkEdges(w, 0, w.size)
	case "mpegts":
		var at []int64
		for n := int64(0); n < w.size; n += 188 {
			at = append(at, n)
		}
		return at[:min(len(at), 200)]
	}
	return nil
}

func boxEdges(w *window, off, end int64) (at []int64) {
	for off < end {
		b, ok := readBox(w, off, end)
		if !ok {
			return at
		}
		at = append(at, b.start, b.body, b.end)
		switch b.kind.String() {
		case "moov", "trak", "mdia", "minf", "stbl", "edts", "mvex", "moof", "traf", "mfra", "udta":
			at = append(at, boxEdges(w, b.body, b.end)...)
		}
		off = b.end
	}
	return at
}

func elementEdges(w *window, off, end int64) (at []int64) {
	for off < end {
		e, ok := readElement(w, off, end)
		if !ok {
			return at
		}
		at = append(at, off, e.body, e.end)
		switch e.id {
		case idSegment, idCluster, idInfo, idTracks, idTrackEntry, idVideo:
			at = append(at, elementEdges(w, e.body, e.end)...)
		}
		off = e.end
	}
	return at
}

func chunkEdges(w *window, off, end int64) (at []int64) {
	for off < end {
		c, ok := readChunk(w, off)
		if !ok {
			return at
		}
		at = append(at, off, c.body, c.end)
		if kind := c.kind.String(); kind == "RIFF" || kind == "LIST" {
			at = append(at, chunkEdges(w, c.body+4, c.end)...)
		}
		off = c.next()
	}
	return at
}
