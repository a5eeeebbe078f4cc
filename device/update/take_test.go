package update

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

func TestAGoodBundleRunsAndIsKept(t *testing.T) {
	b := newBox(t)
	v := b.proved(b.running(""), "1.1", 2000)
	s := b.start("boot")
	text, err := os.ReadFile(s.Program)
	if err != nil || string(text) != "1.1" || s.Trial {
		t.Errorf("%+v starts, %q, %v", s, text, err)
	}
	told, err := v.Status()
	if err != nil || told.Running != "1.1" || told.Previous != "1.0" || told.Packaged != "1.0" || told.Trial || told.Failed != nil {
		t.Errorf("status: %+v, %v", told, err)
	}
	b.proved(v, "1.2", 3000)
	if now := b.start("boot"); now.Version != "1.2" {
		t.Errorf("after the second update %+v starts", now)
	}
}

func TestABundleIsRefused(t *testing.T) {
	b := newBox(t)
	good := b.bundle("1.1", strings.Repeat("program ", 1000), 2000)
	changed := func(at int) []byte {
		c := bytes.Clone(good)
		c[at] ^= 1
		return c
	}
	other := *b
	other.key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
	lines := bytes.SplitAfterN(good, []byte("\n"), 4)
	for name, c := range map[string]struct {
		bundle []byte
		says   string
	}{
		"nothing":             {nil, "ends too early"},
		"of another kind":     {[]byte("PK\x03\x04" + strings.Repeat("x", 10000)), "format"},
		"a later format":      {bytes.Replace(good, []byte("update 1"), []byte("update 2"), 1), "format"},
		"without signature":   {bytes.Join([][]byte{lines[0], lines[1], []byte("\n"), lines[3]}, nil), "not signed"},
		"of another key":      {other.bundle("1.1", "program", 2000), "not signed"},
		"another manifest":    {changed(len(lines[0]) + 15), "not signed"},
		"another signature":   {changed(len(lines[0]) + len(lines[1]) + 3), "not signed"},
		"another program":     {changed(len(good) - 10), "not what the manifest says"},
		"cut in the head":     {good[:40], "ends too early"},
		"cut in the program":  {good[:len(good)-1], "ends too early"},
		"more behind it":      {append(bytes.Clone(good), 'x'), "behind its last file"},
		"of another board":    {b.signed(Manifest{Version: "1.1", Arch: "riscv64", Built: 2000, Files: []File{{Name: program}}}, "x"), "is for riscv64"},
		"older than packaged": {b.bundle("0.9", "x", packagedBuilt-1), "is older than 1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			v := b.running("")
			_, err := v.Take(bytes.NewReader(c.bundle), true)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want a refusal that says %q", err, c.says)
			}
			if s := b.start("boot"); s.Folder != "" {
				t.Errorf("%+v starts", s)
			}
			if left, _ := filepath.Glob(filepath.Join(b.cfg.Dir, "*", "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// What a signer got wrong is refused when the bundle is made, and would be when it is taken.
func TestAManifestIsRefused(t *testing.T) {
	b := newBox(t)
	file := File{Name: program}
	for name, m := range map[string]Manifest{
		"no version":       {Files: []File{file}},
		"version is path":  {Version: "../1.1", Files: []File{file}},
		"no program":       {Version: "1.1", Files: []File{{Name: "clipctl"}}},
		"twice":            {Version: "1.1", Files: []File{file, file}},
		"a file is a path": {Version: "1.1", Files: []File{file, {Name: "a/b"}}},
		"over its head":    {Version: "1.1", Files: []File{file, {Name: headFile}}},
	} {
		err := Write(io.Discard, m, b.key, func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil })
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestOlderOnlyIfAsked(t *testing.T) {
	b := newBox(t)
	v := b.proved(b.running(""), "1.2", 3000)
	old := b.bundle("1.1", "1.1", 2000)
	if _, err := v.Take(bytes.NewReader(old), false); !errors.Is(err, ErrOlder) {
		t.Errorf("an older bundle: %v", err)
	}
	if _, err := v.Take(bytes.NewReader(old), true); err != nil {
		t.Errorf("an older bundle that was asked for: %v", err)
	}
	if s := b.start("boot"); s.Version != "1.1" {
		t.Errorf("%+v starts", s)
	}
}

func TestTheRunningVersionIsNotTakenAgain(t *testing.T) {
	b := newBox(t)
	v := b.proved(b.running(""), "1.1", 2000)
	if _, err := v.Take(bytes.NewReader(b.bundle("1.1", "1.1", 2000)), false); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	if s := b.start("boot"); s.Version != "1.1" || s.Trial {
		t.Errorf("%+v starts", s)
	}
}

func TestOneUpdateAtATime(t *testing.T) {
	b := newBox(t)
	v := b.running("")
	r, w := io.Pipe()
	first := make(chan error, 1)
	go func() { _, err := v.Take(r, false); first <- err }()
	good := b.bundle("1.1", "program", 2000)
	if _, err := w.Write(good[:len(good)-1]); err != nil { // it is being read
		t.Fatal(err)
	}
	if _, err := v.Take(bytes.NewReader(good), false); !errors.Is(err, ErrBusy) {
		t.Errorf("a second bundle meanwhile: %v", err)
	}
	w.Write(good[len(good)-1:])
	w.Close()
	b.must(<-first)
	if _, err := v.Take(bytes.NewReader(good), false); !errors.Is(err, ErrBusy) {
		t.Errorf("a second bundle while the first waits for its start: %v", err)
	}
}

// A connection that breaks is its own error, not the bundle's.
func TestABrokenConnectionIsNoVerdict(t *testing.T) {
	b := newBox(t)
	broken := errors.New("connection reset")
	good := b.bundle("1.1", "program", 2000)
	for _, n := range []int{0, 30, len(good) - 3} {
		_, err := b.running("").Take(io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(broken)), false)
		if !errors.Is(err, broken) || errors.Is(err, ErrRefused) {
			t.Errorf("broken after %d bytes: %v", n, err)
		}
	}
}

func TestAnotherKeyMaySignToo(t *testing.T) {
	b := newBox(t)
	text, err := os.ReadFile(b.cfg.KeyFile)
	b.must(err)
	b.must(os.WriteFile(b.cfg.KeyFile, append([]byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= # the old one\n"), text...), 0o600))
	b.take(b.running(""), b.bundle("1.1", "program", 2000))
	for _, bad := range []string{"", "# none\n", "no base64!\n", "AAAA\n"} {
		b.must(os.WriteFile(b.cfg.KeyFile, []byte(bad), 0o600))
		if _, err := Open(b.cfg); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

// The same commit gives the same bundle.
func TestBundlesAreReproducible(t *testing.T) {
	b := newBox(t)
	if !bytes.Equal(b.bundle("1.1", "program", 2000), b.bundle("1.1", "program", 2000)) {
		t.Error("the same files gave two bundles")
	}
}

// What a bundle costs in memory is one buffer, however large it is.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("an emulated processor takes long to hash it")
	}
	b := newBox(t)
	v := b.running("")
	good := b.bundle("1.1", strings.Repeat("program ", 4<<20), 2000) // 32 MiB
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.take(v, good)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("a bundle of %d MiB took %d KiB of memory", len(good)>>20, grown>>10)
	}
	if s := b.start("boot"); s.Version != "1.1" {
		t.Errorf("%+v starts", s)
	}
}
