package probe

// bitReader reads a bit string from its most significant bit on. Behind the end it returns zeros and sets
// bad, so that a parser checks once, at its end.
type bitReader struct {
	data []byte
	pos  int // in bits
	bad  bool
}

// u reads n bits, at most 32, as u(n) of ITU-T H.264 §7.2.
func (b *bitReader) u(n int) uint32 {
	var v uint32
	for range n {
		v = v<<1 | b.bit()
	}
	return v
}

func (b *bitReader) bit() uint32 {
	i := b.pos >> 3
	if i >= len(b.data) {
		b.bad = true
		return 0
	}
	v := b.data[i] >> (7 - b.pos&7) & 1
	b.pos++
	return uint32(v)
}

// flag reads one bit as a truth value.
func (b *bitReader) flag() bool { return b.bit() == 1 }

// skip passes over n bits.
func (b *bitReader) skip(n int) {
	b.pos += n
	if b.pos > 8*len(b.data) {
		b.pos, b.bad = 8*len(b.data), true
	}
}

// ue reads an unsigned Exp-Golomb code, ITU-T H.264 §9.1.
func (b *bitReader) ue() uint32 {
	zeros := 0
	for b.bit() == 0 {
		if zeros++; zeros > 31 || b.bad {
			b.bad = true
			return 0
		}
	}
	return 1<<zeros - 1 + b.u(zeros)
}

// se reads a signed Exp-Golomb code, ITU-T H.264 §9.1.1.
func (b *bitReader) se() int32 {
	k := b.ue()
	if k&1 == 1 {
		return int32(k>>1) + 1
	}
	return -int32(k >> 1)
}

// unescape returns the RBSP of a NAL unit: without emulation prevention bytes, ITU-T H.264 §7.4.1. The
// copy is at most as long as nal, which is at most a window.
func unescape(nal []byte) []byte {
	out := make([]byte, 0, len(nal))
	zeros := 0
	for _, c := range nal {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, c)
	}
	return out
}
