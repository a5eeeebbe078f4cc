package update

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
)

const (
	format   = "clipd-update 1\n"
	maxLine  = 4 << 10 // bytes of one line of the head
	maxSize  = 64 << 20
	program  = "clipd" // the file that is run
	headFile = "head"
)

// ErrRefused is a bundle, or a version in the folder, that must not run; the error that wraps it says why.
var ErrRefused = errors.New("the bundle is refused")

func refuse(why string, args ...any) error {
	return fmt.Errorf("%w: "+why, append([]any{ErrRefused}, args...)...)
}

// Manifest says what a bundle holds.
type Manifest struct {
	Version string `json:"version"`
	Arch    string `json:"arch"`  // as Debian names it
	Built   int64  `json:"built"` // Unix seconds of the commit
	Files   []File `json:"files"`
}

// File is one file of a bundle.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // lower hex
}

var (
	goodVersion = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}$`)
	goodName    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	goodDigest  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// check says what is wrong with a manifest. Whoever signed it is trusted, and may have made a mistake.
func (m *Manifest) check() error {
	if !goodVersion.MatchString(m.Version) {
		return refuse("%q is no version", m.Version)
	}
	seen := map[string]bool{headFile: true}
	for _, f := range m.Files {
		switch {
		case !goodName.MatchString(f.Name) || seen[f.Name]:
			return refuse("%q is no name of a file, or is there twice", f.Name)
		case f.Size <= 0 || f.Size > maxSize || m.size() > maxSize:
			return refuse("its files are larger than %d MiB, or empty", maxSize>>20)
		case !goodDigest.MatchString(f.SHA256):
			return refuse("%q is no SHA-256", f.SHA256)
		}
		seen[f.Name] = true
	}
	if !seen[program] {
		return refuse("there is no %s in it", program)
	}
	return nil
}

// size is the bytes of all files.
func (m *Manifest) size() (n int64) {
	for _, f := range m.Files {
		n += max(0, min(f.Size, maxSize+1))
	}
	return n
}

func (m *Manifest) program() (f File) {
	for _, f = range m.Files {
		if f.Name == program {
			break
		}
	}
	return f
}

// head is the three lines a bundle begins with, their signature found good.
type head struct {
	Manifest
	lines []byte
}

// readHead reads a head and no further. Anything but a head that one of the keys has signed is ErrRefused; another error
// is r's.
func readHead(r *bufio.Reader, keys Keys) (h head, err error) {
	lines := [3][]byte{}
	for i := range lines {
		if lines[i], err = readLine(r); err != nil {
			return h, err
		}
		if i == 0 && string(lines[0]) != format {
			return h, refuse("it is not of the format %q", format[:len(format)-1])
		}
	}
	said := append(lines[0], lines[1]...)
	signature, err := base64.StdEncoding.Strict().DecodeString(string(bytes.TrimSuffix(lines[2], []byte("\n"))))
	if err != nil || !keys.signed(said, signature) {
		return h, refuse("it is not signed with the key of this box's image, or was changed since")
	}
	d := json.NewDecoder(bytes.NewReader(lines[1]))
	d.DisallowUnknownFields()
	if err := d.Decode(&h.Manifest); err != nil {
		return h, refuse("its manifest cannot be read: %v", err)
	}
	h.lines = append(said, lines[2]...)
	return h, h.check()
}

// readLine returns a copy of the next line with its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for len(line) < maxLine {
		c, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, refuse("it ends too early")
		}
		if err != nil {
			return nil, err
		}
		if line = append(line, c); c == '\n' {
			return line, nil
		}
	}
	return nil, refuse("it is not of the format %q", format[:len(format)-1])
}

// folder is the name of the folder a version is kept in: the same head, the same folder.
func (h *head) folder() string { return h.Version + "-" + h.tag() }

// tag tells builds of one version apart.
func (h *head) tag() string { return hex.EncodeToString(sum(h.lines))[:8] }

// arch is this program's architecture as Debian names it. Every 32-bit ARM board runs armhf, which is built for ARMv6.
func arch() string {
	switch runtime.GOARCH {
	case "arm":
		return "armhf"
	case "386":
		return "i386"
	}
	return runtime.GOARCH
}
