package update

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// MaxBundle is the most bytes a bundle may have.
const MaxBundle = maxSize + 3*maxLine

func sum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}

// unpack writes the files of h, which come next in r, into dir and has them on the disk when it returns. It holds one
// buffer, whatever their size. Files that are not as the manifest says, or anything behind them, are ErrRefused.
func (h *head) unpack(r *bufio.Reader, dir string) error {
	for _, f := range h.Files {
		if err := f.unpack(r, filepath.Join(dir, f.Name)); err != nil {
			return err
		}
	}
	switch _, err := r.ReadByte(); {
	case err == nil:
		return refuse("there is something behind its last file")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

func (f *File) unpack(r io.Reader, path string) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	digest := sha256.New()
	n, err := io.CopyN(io.MultiWriter(out, digest), r, f.Size)
	switch {
	case errors.Is(err, io.EOF):
		err = refuse("it ends too early: %s has %d of %d bytes", f.Name, n, f.Size)
	case err == nil && hex.EncodeToString(digest.Sum(nil)) != f.SHA256:
		err = refuse("%s is not what the manifest says", f.Name)
	case err == nil:
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil && !errors.Is(err, ErrRefused) {
		return fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	return err
}

// verify tells whether in is f, byte by byte.
func (f *File) verify(in io.Reader) error {
	digest := sha256.New()
	n, err := io.Copy(digest, io.LimitReader(in, f.Size+1))
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", f.Name, err)
	case n != f.Size, hex.EncodeToString(digest.Sum(nil)) != f.SHA256:
		return refuse("%s is not what the manifest says", f.Name)
	}
	return nil
}

// Write makes a bundle of the files named, whose bytes open returns, and signs it. The same files give the same bundle.
// It sets size and SHA-256 of m's files; the caller has named them.
func Write(w io.Writer, m Manifest, key ed25519.PrivateKey, open func(name string) (io.ReadCloser, error)) error {
	for i := range m.Files {
		if err := m.Files[i].measure(open); err != nil {
			return err
		}
	}
	if err := m.check(); err != nil {
		return err
	}
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	said := append([]byte(format), append(line, '\n')...)
	if len(line) >= maxLine {
		return refuse("its manifest is longer than %d bytes", maxLine)
	}
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(key, said))
	if _, err := fmt.Fprintf(w, "%s%s\n", said, signature); err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := f.copy(w, open); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) measure(open func(string) (io.ReadCloser, error)) error {
	in, err := open(f.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	digest := sha256.New()
	f.Size, err = io.Copy(digest, in)
	f.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return err
}

func (f *File) copy(w io.Writer, open func(string) (io.ReadCloser, error)) error {
	in, err := open(f.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.CopyN(w, in, f.Size)
	return err
}
