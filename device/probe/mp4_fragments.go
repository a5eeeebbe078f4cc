package probe

import (
	"math/bits"
	"time"
)

// fragments collects what the movie fragments of a file say, ISO/IEC 14496-12 §8.8. A file of many is
// walked from header to header: where fragments say when they begin, only the first and the last of them
// are read.
type fragments struct {
	seen  bool // any moof
	whole int  // fragments whose media data is whole
	open  bool // a moof whose media data has not come yet
	ended bool // the index that is written last is there

	timed  bool   // fragments say when they begin
	unread box    // the last moof, if it was not read
	recent [8]box // the last whole ones that were not read, oldest first; audio and video may alternate

	index   segmentIndex  // the last before the first fragment
	indexed time.Duration // that the index gives, if the file holds all of what it lists
}

// trackFragments is where a track's fragments begin and end, in its timescale.
type trackFragments struct {
	seen    bool
	first   uint64
	end     uint64 // of the last whole fragment
	pending uint64 // of the last fragment
}

// moof takes one fragment and returns where to go on: behind it, or at the last fragment where an index
// tells where that is.
func (f *fragments) moof(m *mp4, moof box) int64 {
	first := !f.seen
	f.seen, f.open = true, true
	if f.timed {
		f.unread = moof
		return moof.end
	}
	f.timed = m.readMoof(moof)
	if f.timed {
		m.w.jumps(blockRead)
	}
	if first {
		return f.shortcut(m, moof)
	}
	return moof.end
}

// shortcut returns where an index says that the last fragment begins or ends, else the end of the first.
func (f *fragments) shortcut(m *mp4, first box) int64 {
	if f.index.end > first.end && f.index.end <= m.w.size {
		f.indexed = f.index.duration
		f.ended = f.index.subsegments > 1 // an index of one is written before each fragment
		f.commit(m)
		return f.index.end
	}
	if f.timed {
		if last := lastFragment(m.w); last > first.end {
			f.commit(m)
			return last
		}
	}
	return first.end
}

// commit counts the fragment before a whole mdat.
func (f *fragments) commit(m *mp4) {
	if !f.open {
		return
	}
	f.open = false
	f.whole++
	if f.unread.end > 0 {
		copy(f.recent[:], f.recent[1:])
		f.recent[len(f.recent)-1] = f.unread
		return
	}
	m.closeTracks()
}

// readRecent reads the last whole fragments.
func (f *fragments) readRecent(m *mp4) {
	m.w.jumps(jumpRead)
	for _, moof := range f.recent {
		if moof.end > 0 {
			m.readMoof(moof)
			m.closeTracks()
		}
	}
}

// closeTracks says that the media data of all fragments read is whole.
func (m *mp4) closeTracks() {
	for i := range m.tracks {
		m.tracks[i].fragments.end = m.tracks[i].fragments.pending
	}
}

// settle decides whether the last fragment is the last that was meant.
func (f *fragments) settle(m *mp4) {
	f.readRecent(m)
	m.info.Fragmented = m.info.Fragmented || f.seen
	switch {
	case !m.info.Fragmented || m.cut != "":
	case f.open:
		m.cut = "its last fragment has no media data"
	case f.index.end > m.w.size:
		m.cut = "its index (sidx) names more than there is"
	default:
		m.cut = m.missing()
	}
}

// duration is from the earliest to the latest time that any track shows.
func (f *fragments) duration(m *mp4) time.Duration {
	if f.whole == 0 {
		return 0
	}
	first, end := maxDuration, time.Duration(0)
	for _, t := range m.tracks {
		if !t.fragments.seen {
			continue
		}
		from, to := t.fragments.first, t.fragments.end
		if t.isAudio() && t.skipped > 0 { // encoder delay; for pictures it is only reordering
			from -= min(from, uint64(t.skipped))
			to -= min(to, uint64(t.skipped))
		}
		first, end = min(first, seconds(from, t.timescale)), max(end, seconds(to, t.timescale))
	}
	return max(end-first, f.indexed)
}

// readMoof reads a movie fragment, §8.8.4; false if one of its tracks does not say when it begins.
func (m *mp4) readMoof(moof box) bool {
	tracks, timed := 0, 0
	for b := range children(m.w, moof, moof.body) {
		if b.kind.String() == "traf" {
			tracks++
			if m.readTraf(b) {
				timed++
			}
		}
	}
	return tracks > 0 && timed == tracks
}

// readTraf reads a track fragment, §8.8.6; false if it does not say when it begins.
func (m *mp4) readTraf(traf box) bool {
	var t *track
	var base, total uint64
	var sampleDuration uint32
	timed := false
	for b := range children(m.w, traf, traf.body) {
		switch b.kind.String() {
		case "tfhd":
			t, sampleDuration = m.readTfhd(b)
		case "tfdt":
			base, timed = readTfdt(m.w, b)
		case "trun":
			total += trunDuration(m.w, b, sampleDuration)
		}
	}
	if t == nil {
		return timed
	}
	f := &t.fragments
	switch {
	case !timed && f.seen:
		base = f.pending
	case !timed:
		base = t.duration
	}
	if !f.seen {
		f.seen, f.first = true, base
		if t.samples > 0 { // moov lists samples before the first fragment
			f.first = 0
		}
	}
	f.pending = max(f.pending, base+total)
	return timed
}

// readTfhd reads the fragment's track and its default sample duration, §8.8.7.
func (m *mp4) readTfhd(b box) (*track, uint32) {
	_, flags, _ := fullBox(m.w, b)
	p := field(m.w, b, 4, 4)
	if p == nil {
		return nil, 0
	}
	t := m.trackByID(be.Uint32(p))
	if t == nil {
		return nil, 0
	}
	if flags&0x8 == 0 { // default-sample-duration-present
		return t, m.defaultDuration(t.id)
	}
	off := int64(8)
	if flags&0x1 != 0 { // base-data-offset-present
		off += 8
	}
	if flags&0x2 != 0 { // sample-description-index-present
		off += 4
	}
	if p = field(m.w, b, off, 4); p == nil {
		return t, 0
	}
	return t, be.Uint32(p)
}

func (m *mp4) trackByID(id uint32) *track {
	for i := range m.tracks {
		if m.tracks[i].id == id {
			return &m.tracks[i]
		}
	}
	return nil
}

// readTfdt reads the base media decode time, §8.8.12.
func readTfdt(w *window, b box) (uint64, bool) {
	version, _, _ := fullBox(w, b)
	if version == 1 {
		p := field(w, b, 4, 8)
		if p == nil {
			return 0, false
		}
		return be.Uint64(p), true
	}
	p := field(w, b, 4, 4)
	if p == nil {
		return 0, false
	}
	return uint64(be.Uint32(p)), true
}

// trunDuration sums the durations of a track run, §8.8.8.
func trunDuration(w *window, b box, sampleDuration uint32) uint64 {
	_, flags, _ := fullBox(w, b)
	p := field(w, b, 4, 4)
	if p == nil {
		return 0
	}
	count := int64(be.Uint32(p))
	if flags&0x100 == 0 { // sample-duration-present
		return uint64(count) * uint64(sampleDuration)
	}
	off := int64(8)
	off += 4 * int64(bits.OnesCount32(flags&0x5)) // data-offset, first-sample-flags
	width := 4 * bits.OnesCount32(flags&0xf00)
	return sumFirstWords(w, b, off, width, count)
}

// sumFirstWords adds up the first word of count entries, each width bytes long, a few hundred at a time.
func sumFirstWords(w *window, b box, off int64, width int, count int64) (sum uint64) {
	for count > 0 {
		n := min(count, 256)
		p := field(w, b, off, int(n)*width)
		if p == nil {
			return sum
		}
		for i := range int(n) {
			sum += uint64(be.Uint32(p[i*width:]))
		}
		count -= n
		off += n * int64(width)
	}
	return sum
}

// readMvex reads the defaults of the tracks' fragments, §8.8.1, and the length where it is known.
func (m *mp4) readMvex(mvex box) {
	for b := range children(m.w, mvex, mvex.body) {
		switch b.kind.String() {
		case "mehd": // §8.8.2
			if length, _ := readTfdt(m.w, b); length > m.duration {
				m.duration = length
			}
		case "trex": // §8.8.3
			if p := field(m.w, b, 4, 12); p != nil && len(m.defaults) < maxTracks {
				m.defaults = append(m.defaults, trackDefaults{be.Uint32(p), be.Uint32(p[8:])})
			}
		}
	}
}

// trackDefaults is a trex box, §8.8.3.
type trackDefaults struct {
	track          uint32
	sampleDuration uint32
}

// defaultDuration returns what trex says of a track's samples; 0 without one.
func (m *mp4) defaultDuration(id uint32) uint32 {
	for _, d := range m.defaults {
		if d.track == id {
			return d.sampleDuration
		}
	}
	return 0
}
