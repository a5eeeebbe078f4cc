package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// A ledger remembers what was pulled into one folder: a clip that was deleted there is not pulled again. It is a file
// that only grows. A line is eight hex digits, the CRC-32C of the rest, a space, and a JSON object; what a crash tore
// off at the end is cut away when it is opened, and a line that is damaged costs no more than another look at its clip.
// Safe for concurrent use.
type ledger struct {
	id      string // made with the file
	damaged int    // lines that were passed over when it was opened

	mu      sync.Mutex
	file    *os.File
	clips   map[ledgerKey]uint16 // who has acknowledged it, an index into names
	paths   map[ledgerKey]ledgerKey
	names   []string // consumers; "" is the first
	cursors map[string]cursor
}

// ledgerKey stands for a clip of a box or for a path: 16 bytes, since a ledger has many.
type ledgerKey [16]byte

func keyOf(parts ...string) (k ledgerKey) {
	sum := sha256.Sum256([]byte(strings.Join(parts, "/")))
	copy(k[:], sum[:])
	return k
}

// cursor is how far a folder has come in the journal of a box. It holds for one selection of clips only.
type cursor struct {
	Generation string `json:"generation"`
	Seq        uint64 `json:"seq"`
	Selection  string `json:"selection"`
}

// ledgerLine is one line; which fields it has tells its kind.
type ledgerLine struct {
	Ledger string  `json:"ledger,omitempty"` // first line: the ledger's id
	Box    string  `json:"box,omitempty"`
	Clip   string  `json:"clip,omitempty"` // it is in the folder as File, or was
	File   string  `json:"file,omitempty"` // beneath the folder, with slashes
	Size   int64   `json:"size,omitempty"`
	SHA256 string  `json:"sha256,omitempty"`
	Ack    string  `json:"ack,omitempty"` // the consumer in whose name it was acknowledged
	At     *cursor `json:"at,omitempty"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errNoLedger is a file that is no ledger.
var errNoLedger = errors.New("this is no ledger of clipctl, or its beginning is damaged. Move it away and say --new: files that are there are recognised, not fetched again")

// openLedger reads the ledger at path, which must exist. The caller closes it.
func openLedger(path string) (*ledger, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	l := &ledger{file: f, names: []string{""}, clips: map[ledgerKey]uint16{}, paths: map[ledgerKey]ledgerKey{}, cursors: map[string]cursor{}}
	if err := l.read(); err != nil {
		f.Close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return l, nil
}

// createLedger makes one with the id and gives it its name when it is on disk.
func createLedger(path, id string) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	defer f.Close()
	line, err := encodeLine(ledgerLine{Ledger: id})
	if err != nil {
		return err
	}
	if _, err := f.Write(line); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// read takes in every line and cuts off a torn one at the end.
func (l *ledger) read() error {
	r := bufio.NewReaderSize(l.file, 64<<10)
	var whole, begun int64 // bytes up to the last line that ended, and of the one that did not yet
	for {
		text, err := r.ReadSlice('\n')
		begun += int64(len(text))
		if err == nil {
			whole, begun = whole+begun, 0
			l.take(text)
		} else if errors.Is(err, io.EOF) {
			break
		} else if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
	if l.id == "" {
		return errNoLedger
	}
	if err := l.file.Truncate(whole); err != nil {
		return err
	}
	_, err := l.file.Seek(whole, io.SeekStart)
	return err
}

func (l *ledger) take(text []byte) {
	var line ledgerLine
	if !decodeLine(text, &line) {
		l.damaged++
		return
	}
	switch {
	case line.Ledger != "":
		l.id = line.Ledger
	case line.At != nil:
		l.cursors[line.Box] = *line.At
	case line.Clip != "":
		k := keyOf(line.Box, line.Clip)
		l.clips[k] = l.name(line.Ack)
		if line.File != "" {
			l.paths[pathKey(line.File)] = k
		}
	}
}

func decodeLine(text []byte, line *ledgerLine) bool {
	if len(text) < 10 || text[8] != ' ' {
		return false
	}
	sum, err := strconv.ParseUint(string(text[:8]), 16, 32)
	body := text[9 : len(text)-1]
	return err == nil && uint32(sum) == crc32.Checksum(body, castagnoli) && json.Unmarshal(body, line) == nil
}

func encodeLine(line ledgerLine) ([]byte, error) {
	body, err := json.Marshal(line)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(body, castagnoli), body), nil
}

// name is the index of a consumer's name. There are a handful.
func (l *ledger) name(consumer string) uint16 {
	for i, n := range l.names {
		if n == consumer {
			return uint16(i)
		}
	}
	if len(l.names) > 1<<16-1 {
		return 0
	}
	l.names = append(l.names, consumer)
	return uint16(len(l.names) - 1)
}

// pathKey is the same for paths that some file systems do not tell apart.
func pathKey(file string) ledgerKey { return keyOf("path", strings.ToLower(file)) }

// has tells whether the clip was pulled, and whether consumer has acknowledged it.
func (l *ledger) has(box, clip, consumer string) (pulled, acked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ack, pulled := l.clips[keyOf(box, clip)]
	return pulled, pulled && l.names[ack] == consumer
}

// claim takes a path beneath the folder for a clip; it is false where the path is another clip's. A claim that no pulled
// clip follows is gone with the process.
func (l *ledger) claim(file, box, clip string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := keyOf(box, clip)
	owner, taken := l.paths[pathKey(file)]
	if !taken {
		l.paths[pathKey(file)] = k
	}
	return !taken || owner == k
}

// pulled notes that the clip is in the folder. The file must be on disk before.
func (l *ledger) pulled(line ledgerLine) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.append(line); err != nil {
		return err
	}
	l.clips[keyOf(line.Box, line.Clip)] = l.name(line.Ack)
	return nil
}

// cursor is where the last pull of the same selection came to; ok is false where there is none.
func (l *ledger) cursor(box, selection string) (c cursor, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c = l.cursors[box]
	return c, c.Generation != "" && c.Selection == selection
}

// reached notes a cursor. Everything before it must have been pulled.
func (l *ledger) reached(box string, c cursor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cursors[box] == c {
		return nil
	}
	if err := l.append(ledgerLine{Box: box, At: &c}); err != nil {
		return err
	}
	l.cursors[box] = c
	return nil
}

// append writes one line. What a full disk leaves of it is taken back, so that the next line begins at a line's start.
func (l *ledger) append(line ledgerLine) error {
	text, err := encodeLine(line)
	if err != nil {
		return err
	}
	n, err := l.file.Write(text)
	if err == nil || n == 0 {
		return err
	}
	end, seek := l.file.Seek(int64(-n), io.SeekCurrent)
	return errors.Join(err, seek, l.file.Truncate(end))
}

// close puts what was noted on disk.
func (l *ledger) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.file.Sync(), l.file.Close())
}
