package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
)

// A spoiler damages the bytes of a catalogue; old is the same one some transactions earlier.
type spoiler struct {
	name  string
	spoil func(b, old []byte, r *rand.Rand) []byte
}

var spoilers = []spoiler{
	{"bit turned", func(b, _ []byte, r *rand.Rand) []byte {
		b[somePage(b, r)+r.IntN(block)] ^= 1 << r.IntN(8)
		return b
	}},
	{"sector of zeros", func(b, _ []byte, r *rand.Rand) []byte {
		clear(b[somePage(b, r)+r.IntN(block/sector)*sector:][:sector])
		return b
	}},
	{"page of noise", func(b, _ []byte, r *rand.Rand) []byte {
		for i, at := 0, somePage(b, r); i < block; i++ {
			b[at+i] = byte(r.Uint32())
		}
		return b
	}},
	{"page in another's place", func(b, _ []byte, r *rand.Rand) []byte {
		copy(b[somePage(b, r):][:block], bytes.Clone(b[somePage(b, r):][:block]))
		return b
	}},
	{"write that never came", func(b, old []byte, r *rand.Rand) []byte {
		for range 100 {
			at := somePage(b, r)
			if at+block <= len(old) && !bytes.Equal(b[at:at+block], old[at:at+block]) {
				copy(b[at:], old[at:at+block])
				break
			}
		}
		return b
	}},
	{"cut off", func(b, _ []byte, r *rand.Rand) []byte { return b[:r.IntN(len(b))] }},
	{"torn meta", func(b, _ []byte, r *rand.Rand) []byte {
		at := newestMeta(b)*block + r.IntN(metaEnd)
		clear(b[at:][:1+r.IntN(40)])
		return b
	}},
}

// A bbolt file begins with two meta pages, of which the one with the higher transaction counts; the layout is that of
// bbolt's internal/common/meta.go, in the machine's byte order.
const (
	metaPages = 16 + 40 // how many pages are in use
	metaTx    = 16 + 48
	metaEnd   = 16 + 64
)

func newestMeta(b []byte) int {
	tx := func(page int) uint64 { return binary.NativeEndian.Uint64(b[page*block+metaTx:]) }
	if tx(1) > tx(0) {
		return 1
	}
	return 0
}

// somePage is where one of the pages in use begins.
func somePage(b []byte, r *rand.Rand) int {
	pages := binary.NativeEndian.Uint64(b[newestMeta(b)*block+metaPages:])
	return r.IntN(min(int(pages), len(b)/block)) * block
}
