package probe

import (
	"encoding/binary"
	"iter"
)

var be = binary.BigEndian

// fourCC is a box type.
type fourCC [4]byte

func (k fourCC) String() string { return string(k[:]) }

// printable says whether the type could be one that somebody registered: padding and media data are not.
func (k fourCC) printable() bool {
	for _, c := range k {
		if (c < 0x20 || c > 0x7e) && c != 0xa9 {
			return false
		}
	}
	return true
}

// isImage says whether the type is a brand of still pictures, ISO/IEC 23008-12 §10, which share the box
// structure and nothing else.
func (k fourCC) isImage() bool {
	switch k.String() {
	case "heic", "heix", "heim", "heis", "mif1", "avif":
		return true
	}
	return false
}

// box is where one box lies in the file, in bytes from its start.
type box struct {
	kind             fourCC
	start, body, end int64 // header, contents, first byte after; end may lie behind the end of the file
}

// readBox reads the header at off, ISO/IEC 14496-12 §4.2. limit is where the enclosing box or the file
// ends; false if there is no header of a sensible size before it.
func readBox(w *window, off, limit int64) (box, bool) {
	if limit-off < 8 {
		return box{}, false
	}
	p := w.peek(off, 8)
	if p == nil {
		return box{}, false
	}
	b := box{kind: fourCC(p[4:]), start: off, body: off + 8}
	switch size := be.Uint32(p); size {
	case 0: // to the end of the file
		b.end = limit
	case 1:
		p = w.peek(off+8, 8)
		if p == nil {
			return box{}, false
		}
		large := be.Uint64(p)
		b.body += 8
		b.end = off + int64(min(large, 1<<62-uint64(off)))
	default:
		b.end = off + int64(size)
	}
	return b, b.kind.printable() && b.end >= b.body
}

// children yields the boxes between from and the end of parent, as far as they fit into it.
func children(w *window, parent box, from int64) iter.Seq[box] {
	return func(yield func(box) bool) {
		for off := from; off < parent.end; {
			b, ok := readBox(w, off, parent.end)
			if !ok || b.end > parent.end || !yield(b) {
				return
			}
			off = b.end
		}
	}
}

// child returns the first box of that kind in parent.
func child(w *window, parent box, kind string) (box, bool) {
	for b := range children(w, parent, parent.body) {
		if string(b.kind[:]) == kind {
			return b, true
		}
	}
	return box{}, false
}

// field returns the n bytes at off within the contents of b, or nil if b is shorter.
func field(w *window, b box, off int64, n int) []byte {
	if off > b.end-b.body-int64(n) {
		return nil
	}
	return w.peek(b.body+off, n)
}

// fullBox returns version and flags, ISO/IEC 14496-12 §4.2.2.
func fullBox(w *window, b box) (version byte, flags uint32, ok bool) {
	p := field(w, b, 0, 4)
	if p == nil {
		return 0, 0, false
	}
	return p[0], be.Uint32(p) & 0xffffff, true
}
