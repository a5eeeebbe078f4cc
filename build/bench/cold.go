package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clipd/device/api"
)

const (
	coldReaders  = 8
	warmReaders  = 8
	slowDiskRate = 20e6 // bytes per second, as of an SD card
	coldFolder   = "cold"
)

// slowDisk is a file system that shows files as they are, but reads them as from one slow disk.
type slowDisk struct {
	*fs.LoopbackNode
	head *sync.Mutex // the disk's only one
}

// WrapChild makes what is beneath a slowDisk slow too.
func (n *slowDisk) WrapChild(_ context.Context, child fs.InodeEmbedder) fs.InodeEmbedder {
	return &slowDisk{child.(*fs.LoopbackNode), n.head}
}

// showSlowly shows the folder backing at dir until unmount.
func showSlowly(backing, dir string) (unmount func() error, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	plain, err := fs.NewLoopbackRoot(backing)
	if err != nil {
		return nil, err
	}
	root := &slowDisk{plain.(*fs.LoopbackNode), &sync.Mutex{}}
	server, err := fs.Mount(dir, root, &fs.Options{MountOptions: fuse.MountOptions{FsName: "slowdisk", Name: "slowdisk"}})
	if err != nil {
		return nil, fmt.Errorf("a file system in user space: %w", err)
	}
	return server.Unmount, nil
}

func (n *slowDisk) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, how, errno := n.LoopbackNode.Open(ctx, flags)
	if f, ok := h.(*fs.LoopbackFile); ok && errno == 0 {
		return &slowFile{f, n.head}, how | fuse.FOPEN_DIRECT_IO, 0
	}
	return h, how, errno
}

// slowFile waits for the disk at every read.
type slowFile struct {
	*fs.LoopbackFile
	head *sync.Mutex
}

func (f *slowFile) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f.head.Lock()
	time.Sleep(time.Duration(float64(len(dest)) / slowDiskRate * float64(time.Second)))
	f.head.Unlock()
	return f.LoopbackFile.Read(ctx, dest, off)
}

// mountSlowDisk mounts at dir an ext4 file system that fill has filled, on a disk that reads slowly from then on.
func mountSlowDisk(ctx context.Context, scratch, dir string, fill func(at string) error) (unmount func() error, err error) {
	backing, shown := filepath.Join(scratch, "backing"), filepath.Join(scratch, "shown")
	image := filepath.Join(backing, "disk")
	if err := errors.Join(os.MkdirAll(backing, 0o777), os.MkdirAll(dir, 0o777), os.WriteFile(image, nil, 0o666), os.Truncate(image, 1<<30)); err != nil {
		return nil, err
	}
	if err := sh(ctx, "mkfs.ext4", "-q", image); err != nil {
		return nil, err
	}
	if err := sh(ctx, "mount", "-o", "loop", image, dir); err != nil {
		return nil, err
	}
	if err := errors.Join(fill(dir), sh(ctx, "umount", dir)); err != nil {
		return nil, err
	}
	hide, err := showSlowly(backing, shown)
	if err != nil {
		return nil, err
	}
	if err := sh(ctx, "mount", "-o", "loop", filepath.Join(shown, "disk"), dir); err != nil {
		return nil, errors.Join(err, hide())
	}
	return func() error { return errors.Join(sh(context.WithoutCancel(ctx), "umount", dir), hide()) }, nil
}

func sh(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// warmAmongCold is load (f): the throughput of 8 clients on a file in the page cache, alone and while 8 others wait for a
// slow disk.
func warmAmongCold(ctx context.Context, b *bench) (_ []table, err error) {
	dir := filepath.Join(b.dir, "cold-site")
	mount := filepath.Join(dir, "box", "recordings")
	unmount, err := mountSlowDisk(ctx, dir, mount, b.fillSlowDisk)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	t := table{Title: fmt.Sprintf("(f) %d clients on warm files among %d on a disk of %.0f MB/s", warmReaders, coldReaders, slowDiskRate/1e6)}
	got := map[string]spread{}
	for range b.pick(5, 1) {
		for name, start := range map[string]func(context.Context) (*server, map[string]string, error){
			ours: func(ctx context.Context) (*server, map[string]string, error) {
				return b.startColdBox(ctx, filepath.Join(dir, "box"))
			},
			"nginx": func(ctx context.Context) (*server, map[string]string, error) {
				s, err := startNginx(ctx, b, site{dir: mount})
				return s, nil, err
			},
		} {
			share, err := b.warmShare(ctx, mount, start)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			got[name] = append(got[name], share)
		}
	}
	t.add("clipd, warm throughput against alone", got[ours].in("%.2f"), "at least 0.7")
	t.add("nginx, the same", got["nginx"].in("%.2f"), "")
	return []table{t}, nil
}

func (b *bench) fillSlowDisk(at string) error {
	if err := b.place(at, "warm/clip.mp4", b.sample.padded(100_000_000)); err != nil {
		return err
	}
	for i := range coldReaders {
		if err := b.place(at, fmt.Sprintf("%s/%d.mp4", coldFolder, i), b.sample.padded(60_000_000+i)); err != nil {
			return err
		}
	}
	return nil
}

// startColdBox starts clipd without hashing, which would read the cold files, and returns where each path is served.
func (b *bench) startColdBox(ctx context.Context, dir string) (*server, map[string]string, error) {
	x, err := b.startBox(ctx, dir, "none", `hash = "none"`)
	if err != nil {
		return nil, nil, err
	}
	s := &server{name: ours, address: strings.TrimPrefix(x.url, "http://"), box: x, pids: []int{x.pid}, stop: x.stop,
		header: "Authorization: Bearer " + x.token + "\r\n"}
	var page struct {
		Clips []api.Clip `json:"clips"`
	}
	err = x.settled(ctx, coldReaders+1)
	if err == nil {
		var code int
		if code, err = x.get(ctx, "/api/v1/clips", &page); err == nil && code != http.StatusOK {
			err = fmt.Errorf("clipd answers %d", code)
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, x.stop())
	}
	at := map[string]string{}
	for _, c := range page.Clips {
		at[c.Path] = c.URLPath
	}
	return s, at, nil
}

// warmShare is what is left of the warm clients' throughput; at tells where a path is served, if not at itself.
func (b *bench) warmShare(ctx context.Context, mount string, start func(context.Context) (*server, map[string]string, error)) (share float64, err error) {
	s, at, err := start(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	where := func(path string) string {
		if at == nil {
			return "/" + path
		}
		return at[path]
	}
	span := time.Duration(b.pick(6, 3)) * time.Second
	if err := prepareCaches(mount); err != nil {
		return 0, err
	}
	var warm, cold []string
	for i := range warmReaders {
		warm, cold = append(warm, where("warm/clip.mp4")), append(cold, where(fmt.Sprintf("%s/%d.mp4", coldFolder, i)))
	}
	alone, err := s.drain(ctx, span, warm)
	if err != nil {
		return 0, err
	}
	slow := make(chan error, 1)
	background, end := context.WithCancel(ctx)
	go func() {
		_, err := s.drain(background, 10*span, cold)
		slow <- err
	}()
	among, err := s.drain(ctx, span, warm)
	end()
	return among / alone, errors.Join(err, <-slow)
}

// prepareCaches brings the warm file into the page cache and the cold ones out of it.
func prepareCaches(mount string) error {
	if _, err := os.ReadFile(filepath.Join(mount, "warm", "clip.mp4")); err != nil {
		return err
	}
	for i := range coldReaders {
		f, err := os.Open(filepath.Join(mount, coldFolder, fmt.Sprintf("%d.mp4", i)))
		if err != nil {
			return err
		}
		err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// drain fetches the paths again and again, a client each, and returns the bytes per second of all.
func (s *server) drain(ctx context.Context, span time.Duration, paths []string) (float64, error) {
	ctx, stop := context.WithTimeout(ctx, span)
	defer stop()
	moved, errs := make([]int64, len(paths)), make([]error, len(paths))
	began := time.Now()
	var all sync.WaitGroup
	for i, path := range paths {
		all.Go(func() { moved[i], errs[i] = s.drainOne(ctx, path) })
	}
	all.Wait()
	var sum int64
	for _, n := range moved {
		sum += n
	}
	return float64(sum) / time.Since(began).Seconds(), errors.Join(errs...)
}

func (s *server) drainOne(ctx context.Context, path string) (moved int64, err error) {
	at := *s
	at.request = path
	for ctx.Err() == nil {
		c, err := dial(context.WithoutCancel(ctx), &at, 0)
		if err != nil {
			return moved, err
		}
		stop := context.AfterFunc(ctx, c.close) // a cold one may have nothing to read for long
		_, n, err := c.fetch(ctx, 0, 0, 0)
		moved += n
		if stop(); ctx.Err() == nil && err != nil {
			return moved, err
		}
		c.close()
	}
	return moved, nil
}
