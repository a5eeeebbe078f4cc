package probe

import (
	"slices"
	"time"
)

// maxTracks bounds how many tracks a movie may have. Recorders write two or three.
const maxTracks = 64

// mp4 collects what the top-level boxes of one file say, ISO/IEC 14496-12 §6.2.
type mp4 struct {
	w    *window
	info Info

	brand     fourCC
	moov      bool
	mdat      bool   // a whole one
	timescale uint32 // of the movie, per second
	duration  uint64 // of the movie, in timescale
	tracks    []track
	defaults  []trackDefaults
	writer    writer

	fragments fragments
	cut       string // what is wrong at the end of the file; "" if nothing is
	cutData   bool   // it is media data that is cut
}

// looksMP4 recognises the types a file can start with: §4.3 wants ftyp first, QuickTime and cut
// recordings do without.
func looksMP4(head []byte) bool {
	if len(head) < 8 {
		return false
	}
	switch string(head[4:8]) {
	case "ftyp", "styp":
		return true
	case "moov", "mdat", "wide", "free", "skip", "pnot", "moof", "sidx":
		size := be.Uint32(head)
		return size <= 1 || size >= 8
	}
	return false
}

// parseMP4 reads MP4, fragmented MP4 and QuickTime.
func parseMP4(w *window) (Info, error) {
	m := &mp4{w: w, info: Info{Container: "mp4"}}
	m.walk()
	m.fragments.settle(m)
	m.fill()
	return m.info, m.verdict()
}

// walk goes from box to box to the end of the file, or as far as it makes sense.
func (m *mp4) walk() {
	for off := int64(0); off < m.w.size; {
		b, ok := readBox(m.w, off, m.w.size)
		if !ok {
			m.cut = "what follows the last whole box is no box"
			return
		}
		if b.end > m.w.size {
			m.cut = "its last box, " + b.kind.String() + ", is not whole"
			m.cutData = b.kind.String() == "mdat"
			return
		}
		off = m.topLevel(b)
	}
}

// topLevel reads one whole box and returns where to go on.
func (m *mp4) topLevel(b box) int64 {
	switch string(b.kind[:]) {
	case "ftyp":
		if p := field(m.w, b, 0, 4); p != nil {
			m.brand = fourCC(p)
		}
	case "moov":
		m.readMoov(b)
	case "mdat":
		m.mdat = true
		m.fragments.commit(m)
	case "sidx":
		if x, ok := readSidx(m.w, b); ok && !m.fragments.seen {
			m.fragments.index = x
		}
	case "moof":
		return m.fragments.moof(m, b)
	case "mfra":
		m.fragments.ended = true
	}
	return b.end
}

// readMoov reads the movie box, §8.2.1. A second one is ignored.
func (m *mp4) readMoov(moov box) {
	if m.moov {
		return
	}
	m.moov = true
	m.w.prefetch(moov.start, moov.end-moov.start)
	for b := range children(m.w, moov, moov.body) {
		switch string(b.kind[:]) {
		case "mvhd":
			m.readMvhd(b)
		case "trak":
			if len(m.tracks) < maxTracks {
				m.tracks = append(m.tracks, readTrack(m.w, b))
			}
		case "mvex":
			m.info.Fragmented = true
			m.readMvex(b)
		case "udta":
			m.readUdta(b)
		}
	}
}

// readMvhd reads the movie header, §8.2.2.
func (m *mp4) readMvhd(b box) {
	var created uint64
	created, m.timescale, m.duration = readTimes(m.w, b, 0)
	if t := epoch1904(created); !t.IsZero() {
		m.info.Created = t
	}
}

// readTimes reads what mvhd, tkhd and mdhd start with: creation time, timescale (a field of another
// meaning in tkhd) and duration, pad bytes after the timescale. All ones means an unknown duration: 0.
func readTimes(w *window, b box, pad int64) (created uint64, timescale uint32, duration uint64) {
	version, _, _ := fullBox(w, b)
	if version == 1 {
		if p := field(w, b, 4, int(28+pad)); p != nil {
			created, timescale, duration = be.Uint64(p), be.Uint32(p[16:]), be.Uint64(p[20+pad:])
		}
	} else if p := field(w, b, 4, int(16+pad)); p != nil {
		created, timescale, duration = uint64(be.Uint32(p)), be.Uint32(p[8:]), uint64(be.Uint32(p[12+pad:]))
		if duration == 1<<32-1 {
			duration = 0
		}
	}
	if duration == 1<<64-1 {
		duration = 0
	}
	return created, timescale, duration
}

// epoch1904 converts seconds since 1904 in UTC, §8.2.2.3. Cameras that count from 1970 all the same are
// recognised, because 1904 plus their count lies before 1970.
func epoch1904(s uint64) time.Time {
	const to1970 = 2082844800
	switch {
	case s == 0 || s > 1<<33:
		return time.Time{}
	case s >= to1970:
		s -= to1970
	}
	return time.Unix(int64(s), 0).UTC()
}

// fill puts what the tracks say into the answer.
func (m *mp4) fill() {
	m.info.Complete = m.cut == ""
	if i := slices.IndexFunc(m.tracks, track.isVideo); i >= 0 {
		t := m.tracks[i]
		m.info.VideoCodec, m.info.Rotation = t.codec, t.rotation
		m.info.Width, m.info.Height = displayed(t.size, t.rotation)
	}
	if i := slices.IndexFunc(m.tracks, track.isAudio); i >= 0 {
		m.info.AudioCodec = m.tracks[i].codec
	}
	m.info.Duration = max(seconds(m.duration, m.timescale), m.longestTrack(), m.fragments.duration(m))
	m.info.MediaType = m.mediaType()
}

// longestTrack is for movies whose header gives no duration.
func (m *mp4) longestTrack() time.Duration {
	var longest time.Duration
	for _, t := range m.tracks {
		if m.duration == 0 && t.samples > 0 {
			longest = max(longest, seconds(t.duration, t.timescale))
		}
	}
	return longest
}

func (m *mp4) mediaType() string {
	switch {
	case m.info.VideoCodec == "" && m.info.AudioCodec != "":
		return "audio/mp4"
	case string(m.brand[:]) == "qt  ", m.brand == fourCC{}:
		return "video/quicktime"
	}
	return "video/mp4"
}

// verdict says whether anything can be played.
func (m *mp4) verdict() error {
	switch {
	case !m.moov && m.brand.isImage():
		return ErrNotMedia
	case !m.moov && m.fragments.seen:
		return incomplete("no moov box: these are fragments without the header they need")
	case !m.moov && m.cut != "" && !m.cutData:
		return incomplete("no moov box: %s", m.cut)
	case !m.moov:
		return incomplete("no moov box: the recorder was killed before it could write the index")
	case len(m.tracks) == 0:
		return incomplete("its index (moov) lists no track")
	case m.fragments.whole > 0:
		return nil
	case m.sampleCount() == 0 && m.info.Fragmented:
		return incomplete("only its header: not one fragment is whole")
	case m.sampleCount() == 0:
		return incomplete("its index (moov) lists no samples")
	case m.cutData && !m.mdat:
		return incomplete("media data is missing: %s", m.cut)
	case m.lastChunk() >= m.w.size:
		return incomplete("media data is missing: the index points behind the end of the file")
	}
	return nil
}

func (m *mp4) sampleCount() (n int64) {
	for _, t := range m.tracks {
		n += int64(t.samples)
	}
	return n
}

func (m *mp4) lastChunk() (off int64) {
	for _, t := range m.tracks {
		off = max(off, t.lastChunk)
	}
	return off
}

// displayed turns a picture the way a player does.
func displayed(p pictureSize, rotation int) (width, height int) {
	if rotation == 90 || rotation == 270 {
		return p.height, p.width
	}
	return p.width, p.height
}

// seconds converts a count of 1/timescale seconds, saturating at the longest time.Duration.
func seconds(count uint64, timescale uint32) time.Duration {
	if timescale == 0 {
		return 0
	}
	whole, rest := count/uint64(timescale), count%uint64(timescale)
	if whole >= uint64(maxDuration/time.Second) {
		return maxDuration
	}
	return time.Duration(whole)*time.Second + time.Duration(rest*uint64(time.Second)/uint64(timescale))
}

const maxDuration = time.Duration(1<<63 - 1)
