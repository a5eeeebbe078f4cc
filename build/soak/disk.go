package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	now     []byte  // what is read
	flushed []byte  // what a power cut leaves in any case
	pending []write // since the last flush
	dead    bool    // the power is off: writes go nowhere
	lies    bool    // it answers a flush and does not flush: the negative control
	flushes int
}

// write is one write that was not flushed yet.
type write struct {
	at   int64
	data []byte
}

const (
	sector = 512  // what a write is torn at
	block  = 4096 // what is kept or lost as a whole, unless it is torn
)

func newDisk(content []byte) *disk { return &disk{now: content, flushed: bytes.Clone(content)} }

// attributes fills in what stat(2) tells.
func (d *disk) attributes(out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = syscall.S_IFREG|0o600, uint64(len(d.now))
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
	return fuse.ReadResultData(dest[:copy(dest, d.now[off:])]), 0
}

func (d *disk) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	copy(d.now[off:], data)
	if !d.dead {
		d.pending = append(d.pending, write{off, bytes.Clone(data)})
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
		copy(d.flushed[w.at:], w.data)
	}
	d.pending = nil
	d.flushes++
	return 0
}

// cut is the power cut: it returns what is on the disk afterwards. Of the blocks that were not flushed, each is kept with
// the probability keep, and some of those are torn.
func (d *disk) cut(r *rand.Rand, keep float64, torn bool) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	left := bytes.Clone(d.flushed)
	for _, w := range d.pending {
		for at := 0; at < len(w.data); at += block {
			end := min(at+block, len(w.data))
			if r.Float64() >= keep {
				continue
			}
			if torn && r.IntN(4) == 0 {
				end = min(end, at+sector*(1+r.IntN(block/sector-1)))
			}
			copy(left[w.at+int64(at):], w.data[at:end])
		}
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

// close ends the shelf. A disk's loop device may be kept open for a moment by whoever looks at new block devices.
func (s *shelf) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return until(ctx, func() (bool, error) {
		err := s.server.Unmount()
		if errors.Is(err, syscall.EBUSY) {
			return false, nil
		}
		return err == nil, err
	})
}
