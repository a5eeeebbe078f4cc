package httpd

import (
	"fmt"
	"hash/crc32"
	"os"
	"slices"

	"clipd/device/httpd/zip"
	"clipd/device/sendfile"
	"clipd/store"
)

// archiveReader makes the parts of an archive for one transfer: it holds the record of one clip. One goroutine at a time
// uses it.
type archiveReader struct {
	*archive
	i      int // the clip in hand
	clip   store.Clip
	begins int64
	local  []byte // its record; nil: no clip is in hand
}

// at is sendfile.Parts.At.
func (r *archiveReader) at(off int64) (sendfile.Part, int64, error) {
	switch {
	case off >= r.end:
		return sendfile.Part{Bytes: zip.AppendEnd(nil, len(r.ids), r.directory, r.end-r.directory)}, r.end, nil
	case off >= r.directory:
		return r.directoryAt(off)
	}
	if err := r.seek(off); err != nil {
		return sendfile.Part{}, 0, err
	}
	body := r.begins + int64(len(r.local))
	if off < body {
		return sendfile.Part{Bytes: r.local}, r.begins, nil
	}
	c := r.clip
	return sendfile.Part{Open: func() (*os.File, error) { return r.open(c) }, Length: c.Size}, body, nil
}

// seek takes the clip in hand whose record or file holds byte off.
func (r *archiveReader) seek(off int64) error {
	block := r.blockOf(off, func(m mark) int64 { return m.local })
	if r.local == nil || off < r.begins || r.i/perMark != block {
		if err := r.take(block*perMark, r.marks[block].local); err != nil {
			return err
		}
	}
	for {
		next := r.begins + int64(len(r.local)) + r.clip.Size
		if off < next {
			return nil
		}
		if err := r.take(r.i+1, next); err != nil {
			return err
		}
	}
}

// blockOf is the last mark whose place is not behind off.
func (r *archiveReader) blockOf(off int64, place func(mark) int64) int {
	i, found := slices.BinarySearchFunc(r.marks, off, func(m mark, off int64) int {
		switch at := place(m); {
		case at < off:
			return -1
		case at > off:
			return 1
		}
		return 0
	})
	if found {
		return i
	}
	return i - 1
}

func (r *archiveReader) take(i int, begins int64) error {
	r.local = nil
	c, _, local, err := r.record(i)
	if err == nil {
		r.i, r.clip, r.begins, r.local = i, c, begins, local
	}
	return err
}

// record makes the local record of the i-th clip again.
func (r *archiveReader) record(i int) (store.Clip, zip.Entry, []byte, error) {
	c, err := r.find(i)
	if err != nil {
		return store.Clip{}, zip.Entry{}, nil, err
	}
	e := r.entry(c, i)
	local := zip.AppendLocal(nil, e)
	if crc32.ChecksumIEEE(local) != r.sums[i] {
		return store.Clip{}, zip.Entry{}, nil, fmt.Errorf("clip %s: %w", c.ID, errChanged)
	}
	return c, e, local, nil
}

// directoryAt makes the central records of one block of clips.
func (r *archiveReader) directoryAt(off int64) (sendfile.Part, int64, error) {
	block := r.blockOf(off, func(m mark) int64 { return m.central })
	var records []byte
	offset := r.marks[block].local
	for i := block * perMark; i < min(len(r.ids), (block+1)*perMark); i++ {
		c, e, local, err := r.record(i)
		if err != nil {
			return sendfile.Part{}, 0, err
		}
		records = zip.AppendCentral(records, e, offset)
		offset += int64(len(local)) + c.Size
	}
	return sendfile.Part{Bytes: records}, r.marks[block].central, nil
}

// open opens the file of a clip, if it is still the one that was promised.
func (r *archiveReader) open(c store.Clip) (*os.File, error) {
	f, fi, err := r.root.Open(c.Path)
	if err != nil {
		return nil, fmt.Errorf("open clip %s: %w", c.ID, err)
	}
	if fi.Size() != c.Size || !fi.ModTime().Equal(c.Mtime) {
		f.Close()
		return nil, fmt.Errorf("open clip %s: %w", c.ID, errGone)
	}
	return f, nil
}
