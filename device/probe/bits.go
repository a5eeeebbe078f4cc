package probe

// bitReader reads the RBSP of a NAL unit from its most significant bit on: it passes over emulation
// prevention bytes, ITU-T H.264 §7.4.1. Behind the end it returns zeros and sets bad, so that a parser
// checks once, at its end.
type bitReader struct {
	data []byte
	at   int // index of the byte being read
	bit  int // bits of it that were read
	bad  bool
}

// u reads n bits, at most 32, as u(n) of ITU-T H.264 §7.2.
func (b *bitReader) u(n int) uint32 {
	var v uint32
	for range n {
		v = v<<1 | b.next()
	}
	return v
}

func (b *bitReader) next() uint32 {
	if b.at >= len(b.data) {
		b.bad = true
		return 0
	}
	v := b.data[b.at] >> (7 - b.bit) & 1
	if b.bit++; b.bit == 8 {
		b.bit = 0
		b.at++
		if b.at >= 2 && b.at < len(b.data) && b.data[b.at] == 3 && b.data[b.at-1] == 0 && b.data[b.at-2] == 0 {
			b.at++
		}
	}
	return uint32(v)
}

// flag reads one bit as a truth value.
func (b *bitReader) flag() bool { return b.next() == 1 }

// skip passes over n bits.
func (b *bitReader) skip(n int) {
	for range n {
		b.next()
	}
}

// ue reads an unsigned Exp-Golomb code, ITU-T H.264 §9.1.
func (b *bitReader) ue() uint32 {
	zeros := 0
	for b.next() == 0 {
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
