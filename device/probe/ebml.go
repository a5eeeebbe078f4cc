package probe

import (
	"iter"
	"math"
	mathbits "math/bits"
)

// element is where one EBML element lies in the file, in bytes from its start.
type element struct {
	id        uint32 // with its length marker, as the specifications print it
	body, end int64  // end may lie behind the end of the file
	unknown   bool   // no size was written, RFC 8794 §6.2; end is that of the parent
}

// readElement reads the header at off, RFC 8794 §4 to §6; false if there is none before limit.
func readElement(w *window, off, limit int64) (element, bool) {
	p := w.upTo(off, int(min(12, limit-off)))
	id, n, _ := vint(p, 4)
	if n == 0 {
		return element{}, false
	}
	size, sizeLen, ones := vint(p[n:], 8)
	if sizeLen == 0 {
		return element{}, false
	}
	e := element{id: uint32(id), body: off + int64(n+sizeLen), end: limit, unknown: ones}
	if !ones {
		size &^= 1 << (7 * sizeLen)
		e.end = e.body + int64(size) // at most 2^56
	}
	return e, true
}

// vint reads a variable-size integer of at most most bytes, RFC 8794 §4, with its marker; n is 0 if there
// is none. ones says that all bits of the value are set.
func vint(p []byte, most int) (v uint64, n int, ones bool) {
	if len(p) == 0 {
		return 0, 0, false
	}
	n = mathbits.LeadingZeros8(p[0]) + 1
	if n > most || n > len(p) {
		return 0, 0, false
	}
	for _, c := range p[:n] {
		v = v<<8 | uint64(c)
	}
	return v, n, v == 1<<(7*n+1)-1
}

// elements yields the children of a master element that is whole in the file, as far as they fit.
func elements(w *window, parent element) iter.Seq[element] {
	return func(yield func(element) bool) {
		for off := parent.body; off < parent.end; {
			e, ok := readElement(w, off, parent.end)
			if !ok || e.end > parent.end || !yield(e) {
				return
			}
			off = e.end
		}
	}
}

// uintValue reads an unsigned integer, RFC 8794 §7.2; 0 for a longer one.
func (e element) uintValue(w *window) (v uint64) {
	if e.end-e.body > 8 {
		return 0
	}
	for _, c := range w.peek(e.body, int(e.end-e.body)) {
		v = v<<8 | uint64(c)
	}
	return v
}

// floatValue reads a float of 4 or 8 bytes, RFC 8794 §7.3.
func (e element) floatValue(w *window) float64 {
	switch v := e.uintValue(w); e.end - e.body {
	case 4:
		return float64(math.Float32frombits(uint32(v)))
	case 8:
		return math.Float64frombits(v)
	}
	return 0
}

// stringValue reads at most the first 32 bytes of a string, RFC 8794 §7.4, without padding.
func (e element) stringValue(w *window) string {
	p := w.peek(e.body, int(min(e.end-e.body, 32)))
	for i, c := range p {
		if c == 0 {
			return string(p[:i])
		}
	}
	return string(p)
}
