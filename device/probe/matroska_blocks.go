package probe

import "time"

// blockTimes is what the blocks that were looked at say about time, from the start of the segment.
type blockTimes struct {
	first, end time.Duration
}

// blockRead is how much is read at each block: its header.
const blockRead = 64

// readBlocks walks through the blocks of a cluster, RFC 9559 §5.1.3, and returns where it ends. A cluster
// of unknown size ends where an element stands that belongs beside it: those have ids of four bytes
// (RFC 8794 §6.2).
func (m *matroska) readBlocks(c element) int64 {
	defer m.w.jumps(m.w.jumps(blockRead))
	for i := range m.tracks {
		m.tracks[i].seen = false // clusters between may have been stepped over
	}
	var base uint64
	limit := min(c.end, m.w.size)
	for off := c.body; off < limit; {
		e, ok := readElement(m.w, off, limit)
		if ok && c.unknown && e.id >= 1<<28 {
			return off
		}
		if !ok || e.end > limit {
			m.cut = "its last cluster is cut off"
			return m.w.size
		}
		switch e.id {
		case idTimestamp:
			base = e.uintValue(m.w)
		case idSimpleBlock:
			m.block(e, base, 0)
		case idBlockGroup:
			m.blockGroup(e, base)
		}
		off = e.end
	}
	return c.end
}

// blockGroup reads a block with its own duration, §5.1.3.5.
func (m *matroska) blockGroup(group element, base uint64) {
	var block element
	var length uint64
	for e := range elements(m.w, group) {
		switch e.id {
		case idBlock:
			block = e
		case idBlockDuration:
			length = e.uintValue(m.w)
		}
	}
	if block.body > 0 {
		m.block(block, base, length)
	}
}

// block reads the header of one block, §10.1: track number and time since its cluster's. A block
// without a duration of its own lasts as its track says, else as long as from the block before it.
func (m *matroska) block(b element, base, length uint64) {
	p := m.w.peek(b.body, int(min(b.end-b.body, 12)))
	number, n, _ := vint(p, 8)
	if n == 0 || len(p) < n+2 {
		return
	}
	t := m.track(number &^ (1 << (7 * n)))
	if t == nil {
		return
	}
	start := max(0, m.time(base)+m.offset(int16(be.Uint16(p[n:]))))
	lasts := m.time(length)
	if lasts == 0 {
		lasts = t.frame
	}
	if lasts == 0 && t.seen {
		lasts = max(0, start-t.last)
	}
	t.seen, t.last = true, start
	if !m.media || start < m.blocks.first {
		m.blocks.first = start
	}
	m.media = true
	m.blocks.end = max(m.blocks.end, saturate(start, lasts))
}

// time converts ticks, at most half the longest time.Duration.
func (m *matroska) time(ticks uint64) time.Duration {
	if ticks > uint64(maxDuration/2)/m.scale {
		return maxDuration / 2
	}
	return time.Duration(ticks * m.scale)
}

// offset converts the signed ticks of a block.
func (m *matroska) offset(ticks int16) time.Duration {
	if ticks < 0 {
		return -m.time(uint64(-int64(ticks)))
	}
	return m.time(uint64(ticks))
}

// saturate adds two times that are not negative.
func saturate(a, b time.Duration) time.Duration {
	if a > maxDuration-b {
		return maxDuration
	}
	return a + b
}

func (m *matroska) track(number uint64) *mkvTrack {
	for i := range m.tracks {
		if m.tracks[i].number == number {
			return &m.tracks[i]
		}
	}
	return nil
}
