package update

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func reader(b []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(b)) }

// FuzzBundle: whatever arrives, only what the key has signed is taken, and exactly that.
func FuzzBundle(f *testing.F) {
	text := strings.Repeat("program ", 100)
	m := Manifest{Version: "1.1", Arch: "arm64", Built: 2000, Files: []File{{Name: program}}}
	var out bytes.Buffer
	if err := Write(&out, m, testKey(), func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }); err != nil {
		f.Fatal(err)
	}
	good := out.Bytes()
	for _, n := range []int{0, 10, 15, 16, 60, 200, 300, len(good) - 1, len(good)} {
		f.Add(good[:n])
	}
	f.Add(append(bytes.Clone(good), 0))
	f.Add([]byte(format + "{}\n\n"))
	f.Add([]byte(format + strings.Repeat("x", 2*maxLine)))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		in := reader(bundle)
		h, err := readHead(in, Keys{testKey().Public().(ed25519.PublicKey)})
		dir := ""
		if err == nil {
			dir = t.TempDir()
			err = h.unpack(in, dir)
		}
		if err != nil && !errors.Is(err, ErrRefused) {
			t.Fatalf("not a refusal: %v", err)
		}
		got, _ := os.ReadFile(filepath.Join(dir, program))
		if err == nil && (!bytes.Equal(bundle, good) || string(got) != text) {
			t.Fatalf("taken: %q", bundle)
		}
	})
}
