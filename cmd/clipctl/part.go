package main

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// part is a file that is not whole yet, with the checksum of what it has. Not safe for concurrent use.
type part struct {
	file *os.File
	have int64 // bytes
	sum  hash.Hash
}

// openPart opens or makes the part file at path of a clip of size bytes, and reads what is there into the checksum.
// The caller closes file.
func openPart(path string, size int64) (*part, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	p := &part{file: f, sum: sha256.New()}
	p.have, err = io.Copy(p.sum, f)
	if err == nil && p.have > size {
		err = p.reset()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

// Write appends.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.have += int64(n)
	p.sum.Write(b[:n])
	return n, err
}

// reset empties the part.
func (p *part) reset() error {
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	p.have = 0
	p.sum.Reset()
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

// become closes the part and gives it its name. With flush, after a power cut the name stands for the whole clip or does
// not exist.
func (p *part) become(name string, mtime time.Time, flush bool) error {
	if flush {
		if err := p.file.Sync(); err != nil {
			return err
		}
	}
	if err := p.file.Close(); err != nil {
		return err
	}
	if !mtime.IsZero() {
		if err := os.Chtimes(p.file.Name(), mtime, mtime); err != nil {
			return err
		}
	}
	if err := os.Rename(p.file.Name(), name); err != nil || !flush {
		return err
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder puts a rename on disk. Windows has no such call: its journal keeps renames in order.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func sha256Of(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}
