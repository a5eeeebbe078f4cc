package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A disk is one file of a FUSE file system that a loop device lies over. It keeps apart what was flushed and what was
// only written, as a card with a cache does, so that a power cut can lose, keep or tear the latter. Safe for concurrent
// use.
type disk struct {
	fs.Inode

	mu      sync.Mutex
	now     content // what is read
	flushed content // what a power cut leaves in any case
	pending []write // since the last flush
	dead    bool    // the power is off: writes go nowhere
	lies    bool    // it answers a flush and does not flush: the negative control
	flushes int
}

// content is what is on a disk, block by block; nil is a block of zeros. A block is replaced and never changed, so that
// contents share what they have in common: a power cut costs no copy of the disk.
type content []*[block]byte

// write is one block that was written and not flushed yet.
type write struct {
	at   int
	data *[block]byte
}

const (
	sector = 512  // what a write is torn at
	block  = 4096 // what is kept or lost as a whole, unless it is torn
)

var zeros [block]byte

// contentOf takes over b, which is whole blocks.
func contentOf(b []byte) content {
	c := make(content, len(b)/block)
	for i := range c {
		if at := (*[block]byte)(b[i*block:]); *at != zeros {
			c[i] = at
		}
	}
	return c
}

func (c content) read(p []byte, off int64) int {
	n := 0
	for n < len(p) && off < int64(len(c))*block {
		data := c[off/block]
		if data == nil {
			data = &zeros
		}
		k := copy(p[n:], data[off%block:])
		n, off = n+k, off+int64(k)
	}
	return n
}

// with is block at with its bytes from..from+len(p) replaced.
func (c content) with(at, from int, p []byte) *[block]byte {
	var b [block]byte
	if c[at] != nil {
		b = *c[at]
	}
	copy(b[from:], p)
	return &b
}

func newDisk(c content) *disk { return &disk{now: slices.Clone(c), flushed: c} }

// attributes fills in what stat(2) tells.
func (d *disk) attributes(out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = syscall.S_IFREG|0o600, uint64(len(d.now))*block
	return 0
}

// Getattr, Setattr, Open, Read, Write and Fsync are go-fuse's.

func (d *disk) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return d.attributes(out)
}

func (d *disk) Setattr(_ context.Context, _ fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return d.attributes(out)
}

func (d *disk) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) { return nil, 0, 0 }

func (d *disk) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fuse.ReadResultData(dest[:d.now.read(dest, off)]), 0
}

func (d *disk) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n := 0; n < len(data); {
		at, from := int((off+int64(n))/block), int((off+int64(n))%block)
		k := min(block-from, len(data)-n)
		d.now[at] = d.now.with(at, from, data[n:n+k])
		if !d.dead {
			d.pending = append(d.pending, write{at, d.now[at]})
		}
		n += k
	}
	return uint32(len(data)), 0
}

// Fsync is the loop device's flush.
func (d *disk) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead || d.lies {
		return 0
	}
	for _, w := range d.pending {
		d.flushed[w.at] = w.data
	}
	d.pending = nil
	d.flushes++
	return 0
}

// cut is the power cut: it returns what is on the disk afterwards. Of the blocks that were not flushed, each is kept with
// the probability keep, and some of those are torn.
func (d *disk) cut(r *rand.Rand, keep float64, torn bool) content {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	left := slices.Clone(d.flushed)
	for _, w := range d.pending {
		if r.Float64() >= keep {
			continue
		}
		data := w.data
		if torn && r.IntN(4) == 0 {
			data = left.with(w.at, 0, data[:sector*(1+r.IntN(block/sector-1))])
		}
		left[w.at] = data
	}
	return left
}

// shelf is a FUSE file system with disks in it.
type shelf struct {
	dir    string
	root   *fs.Inode
	server *fuse.Server
	disks  int
}

// newShelf mounts one at dir/disks. The caller closes it.
func newShelf(dir string) (*shelf, error) {
	s := &shelf{dir: filepath.Join(dir, "disks"), root: &fs.Inode{}}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	o := &fs.Options{MountOptions: fuse.MountOptions{MaxWrite: 1 << 20, DirectMountStrict: true, Name: "soak", DisableXAttrs: true}}
	server, err := fs.Mount(s.dir, s.root, o)
	if err != nil {
		return nil, fmt.Errorf("mounting FUSE at %s: %w", s.dir, err)
	}
	s.server = server
	return s, nil
}

// put makes d a file and returns its path; each has a name of its own, since the kernel caches what an old one held.
func (s *shelf) put(d *disk) string {
	s.disks++
	name := fmt.Sprint("disk", s.disks)
	ctx := context.Background()
	s.root.AddChild(name, s.root.NewPersistentInode(ctx, d, fs.StableAttr{Mode: syscall.S_IFREG}), true)
	return filepath.Join(s.dir, name)
}

// take removes the last disk put.
func (s *shelf) take() { s.root.RmChild(fmt.Sprint("disk", s.disks)) }

// close waits for whoever still looks at a loop device of ours: the kernel lets go of its file when the last has closed it.
func (s *shelf) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return free(ctx, s.server.Unmount)
}

// free unmounts again and again while somebody is still busy there.
func free(ctx context.Context, unmount func() error) error {
	return until(ctx, func() (bool, error) {
		err := unmount()
		if errors.Is(err, syscall.EBUSY) {
			return false, nil
		}
		return err == nil, err
	})
}
