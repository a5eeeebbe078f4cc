package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// A bbolt file begins with two meta pages, of which the valid one with the higher transaction counts; each says how many
// pages the file must have. Bbolt maps the file and believes it: a page that is not there is a SIGBUS.
// The layout is that of bbolt's internal/common/meta.go and page.go, in the machine's byte order.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeader   = 16 // id uint64, flags uint16, count uint16, overflow uint32
	metaSize     = 64
	freelistFlag = 0x10
	minPages     = 4
)

// head is what the first pages of the catalogue say.
type head struct {
	root, freelist, pages, tx uint64
	torn                      bool // one of the two metas is not valid
	free                      uint64
}

// readHead checks what bbolt would believe unchecked: both metas, the size of the file, and the list of free pages.
// ErrDamaged.
func readHead(path string) (head, error) {
	f, err := os.Open(path)
	if err != nil {
		return head{}, err
	}
	defer f.Close()
	h, err := newestMeta(f)
	if err != nil {
		return head{}, fmt.Errorf("%s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return head{}, err
	}
	switch {
	case h.pages < minPages || h.root >= h.pages || h.freelist >= h.pages:
		return head{}, fmt.Errorf("%w: %s: its first page names pages beyond its end", ErrDamaged, path)
	case h.pages > uint64(info.Size())/pageSize:
		return head{}, fmt.Errorf("%w: %s is truncated: %d bytes, of %d pages", ErrDamaged, path, info.Size(), h.pages)
	}
	h.free, err = checkFreelist(f, h, func(uint64) {})
	if err != nil {
		return head{}, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

func newestMeta(f io.ReaderAt) (head, error) {
	var newest head
	valid := 0
	for page := range int64(2) {
		var b [pageHeader + metaSize]byte
		if _, err := f.ReadAt(b[:], page*pageSize); err != nil && !errors.Is(err, io.EOF) {
			return head{}, err
		}
		m, ok := parseMeta(b[pageHeader:])
		if !ok {
			continue
		}
		if valid++; valid == 1 || m.tx > newest.tx {
			newest = m
		}
	}
	if valid == 0 {
		return head{}, fmt.Errorf("%w: neither of its meta pages is valid", ErrDamaged)
	}
	newest.torn = valid < 2
	return newest, nil
}

func parseMeta(b []byte) (head, bool) {
	order := binary.NativeEndian
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	if order.Uint32(b) != boltMagic || order.Uint32(b[4:]) != boltVersion || order.Uint32(b[8:]) != pageSize ||
		order.Uint64(b[metaSize-8:]) != sum.Sum64() {
		return head{}, false
	}
	return head{root: order.Uint64(b[16:]), freelist: order.Uint64(b[32:]), pages: order.Uint64(b[40:]), tx: order.Uint64(b[48:])}, true
}

// checkFreelist returns how many pages are free, and calls each with every one of them. A list that names a page twice, or one that cannot be free, would have
// bbolt write over rows.
func checkFreelist(f io.ReaderAt, h head, each func(id uint64)) (uint64, error) {
	order := binary.NativeEndian
	var b [pageHeader + 8]byte
	if _, err := f.ReadAt(b[:], int64(h.freelist)*pageSize); err != nil {
		return 0, err
	}
	count, at := uint64(order.Uint16(b[10:])), uint64(pageHeader)
	if count == 0xFFFF { // the count does not fit and stands before the ids
		count, at = order.Uint64(b[pageHeader:]), pageHeader+8
	}
	room := (uint64(order.Uint32(b[12:])) + 1) * pageSize
	if order.Uint64(b[:]) != h.freelist || order.Uint16(b[8:]) != freelistFlag ||
		h.freelist+room/pageSize > h.pages || count > h.pages || at+count*8 > room {
		return 0, fmt.Errorf("%w: its list of free pages is not one", ErrDamaged)
	}
	ids := io.NewSectionReader(f, int64(h.freelist*pageSize+at), int64(count*8))
	return count, checkFree(ids, h, each)
}

func checkFree(ids io.Reader, h head, each func(id uint64)) error {
	buffer := make([]byte, pageSize)
	last := uint64(1) // the metas are never free
	for {
		n, err := io.ReadFull(ids, buffer)
		for b := bytes.NewBuffer(buffer[:n]); b.Len() >= 8; {
			id := binary.NativeEndian.Uint64(b.Next(8))
			if id <= last || id >= h.pages || id == h.root || id == h.freelist {
				return fmt.Errorf("%w: its list of free pages names page %d", ErrDamaged, id)
			}
			last = id
			each(id)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// mostlyFree reports whether the file is worth being compacted.
func (h *head) mostlyFree() bool {
	const worth = 4 << 20 / pageSize
	return h.pages > worth && h.free > h.pages/2
}
