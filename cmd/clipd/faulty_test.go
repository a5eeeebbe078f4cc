package main

import (
	"context"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// faulty is a disk whose files can be made to fail, as those of a dying card do. It keeps a list of what was unlinked. Safe
// for concurrent use.
type faulty struct {
	mu       sync.Mutex
	broken   map[string]syscall.Errno // by operation and path
	unlinked []string
}

// faultyDisk puts one where the box keeps everything. The box may not run yet.
func (b *box) faultyDisk() *faulty {
	b.t.Helper()
	disk, beneath := &faulty{broken: map[string]syscall.Errno{}}, b.t.TempDir()
	loopback, err := fs.NewLoopbackRoot(beneath)
	must(b.t, err)
	root := &faultyNode{loopback.(*fs.LoopbackNode), disk}
	server, err := fs.Mount(b.dir, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "faulty", DisableXAttrs: true}})
	if err != nil {
		lacking(b.t, "mounting takes root and FUSE: %v", err)
	}
	b.t.Cleanup(func() {
		b.noLeak()
		b.kill()
		// A poster's ffmpeg may not have noticed yet that the box is gone.
		b.within("the disk is let go", func() bool { return server.Unmount() == nil })
	})
	return disk
}

// fail makes an operation (read, write, fsync, list or unlink) of the file or folder at path fail with err.
func (d *faulty) fail(operation, path string, err syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken[operation+" "+path] = err
}

func (d *faulty) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.broken)
}

// gone are the recordings that were unlinked.
func (d *faulty) gone() (paths []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.unlinked {
		if strings.HasPrefix(p, "recordings/") {
			paths = append(paths, p)
		}
	}
	return paths
}

func (d *faulty) why(operation, path string) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.broken[operation+" "+path]
}

// faultyNode is a file or a folder of one; its methods are go-fuse's.
type faultyNode struct {
	*fs.LoopbackNode
	disk *faulty
}

// WrapChild makes every file and folder below n one of these.
func (n *faultyNode) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &faultyNode{ops.(*fs.LoopbackNode), n.disk}
}

func (n *faultyNode) why(operation string) syscall.Errno {
	return n.disk.why(operation, n.Path(n.Root()))
}

// faultyFile is an open file. It does not show go-fuse the file beneath it, which the kernel would use directly.
type faultyFile struct {
	handle
	node *faultyNode
}

// handle is what go-fuse's own files can do.
type handle interface {
	fs.FileReader
	fs.FileWriter
	fs.FileFsyncer
	fs.FileFlusher
	fs.FileReleaser
	fs.FileGetattrer
	fs.FileSetattrer
	fs.FileAllocater
	fs.FileLseeker
}

func (n *faultyNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	f, flags, err := n.LoopbackNode.Open(ctx, flags)
	if err != 0 {
		return nil, 0, err
	}
	return &faultyFile{f.(handle), n}, flags, 0
}

func (n *faultyNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	made, f, flags, err := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if err != 0 {
		return nil, nil, 0, err
	}
	return made, &faultyFile{f.(handle), made.Operations().(*faultyNode)}, flags, 0
}

func (f *faultyFile) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if err := f.node.why("read"); err != 0 {
		return nil, err
	}
	return f.handle.Read(ctx, dest, off)
}

func (f *faultyFile) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if err := f.node.why("write"); err != 0 {
		return 0, err
	}
	return f.handle.Write(ctx, data, off)
}

func (f *faultyFile) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	if err := f.node.why("fsync"); err != 0 {
		return err
	}
	return f.handle.Fsync(ctx, flags)
}

func (n *faultyNode) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if err := n.why("list"); err != 0 {
		return nil, 0, err
	}
	return n.LoopbackNode.OpendirHandle(ctx, flags)
}

func (n *faultyNode) Unlink(ctx context.Context, name string) syscall.Errno {
	path := strings.TrimPrefix(n.Path(n.Root())+"/"+name, "/")
	if err := n.disk.why("unlink", path); err != 0 {
		return err
	}
	n.disk.mu.Lock()
	n.disk.unlinked = append(n.disk.unlinked, path)
	n.disk.mu.Unlock()
	return n.LoopbackNode.Unlink(ctx, name)
}
