package ingest

import (
	"bytes"
	"crypto/sha256"
	"hash/crc32"
	"testing"
	"time"

	"clipd/store"
)

func TestClosedFileBecomesClip(t *testing.T) {
	b := newBox(t, nil).start()
	data := mp4(t)
	b.record("front/2026-11-22/07-55-01.mp4", data)
	c := b.clip("front/2026-11-22/07-55-01.mp4")
	if !c.Hashed || c.SHA256 != sha256.Sum256(data) || c.CRC32 != crc32.ChecksumIEEE(data) {
		t.Errorf("sums %v %x %x, want those of the file", c.Hashed, c.SHA256, c.CRC32)
	}
	if want := time.Date(2026, 11, 22, 7, 55, 1, 0, time.UTC); !c.Start.Equal(want) || c.StartSource != "name" {
		t.Errorf("start %v from %s, want %v from name", c.Start, c.StartSource, want)
	}
	if c.Camera != "front" || c.Size != int64(len(data)) || !c.Complete || c.VideoCodec != "h264" || c.Width != 64 || c.Height != 48 ||
		c.MediaType != "video/mp4" || c.Duration != time.Second || c.BootID != b.Clock.Boot || !c.ClockSynced {
		t.Errorf("clip %+v", c)
	}
	e := b.events(c.Path)
	if len(e) != 1 || e[0].Type != store.ClipAdded || e[0].Origin != store.Live || !bytes.Equal(e[0].Clip.SHA256[:], c.SHA256[:]) {
		t.Errorf("events %+v, want one live clip_added with the sums", e)
	}
}
