package update

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// box is a versions folder and the keys that belong to it.
type box struct {
	t   *testing.T
	cfg Config
	key ed25519.PrivateKey
}

// packagedBuilt is when the packaged version of a test's box was built.
const packagedBuilt = 1000

// testKey is the same in every test, so that the seeds of the fuzz test stay good.
func testKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) }

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, key: testKey()}
	dir := t.TempDir()
	b.cfg = Config{Dir: filepath.Join(dir, "versions"), KeyFile: filepath.Join(dir, "update.pub"), Packaged: "1.0", Built: packagedBuilt}
	public := base64.StdEncoding.EncodeToString(b.key.Public().(ed25519.PublicKey))
	b.must(os.WriteFile(b.cfg.KeyFile, []byte("# whoever makes the images\n"+public+"\n"), 0o600))
	return b
}

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// running is the box as the version in folder sees it.
func (b *box) running(folder string) *Versions {
	b.t.Helper()
	cfg := b.cfg
	cfg.Running = folder
	v, err := Open(cfg)
	b.must(err)
	return v
}

// bundle is a good bundle, of a program that says text.
func (b *box) bundle(version, text string, built int64) []byte {
	return b.signed(Manifest{Version: version, Arch: arch(), Built: built, Files: []File{{Name: program}}}, text)
}

func (b *box) signed(m Manifest, text string) []byte {
	b.t.Helper()
	var out bytes.Buffer
	b.must(Write(&out, m, b.key, func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte(text))), nil }))
	return out.Bytes()
}

// take takes a bundle that must be good.
func (b *box) take(v *Versions, bundle []byte) Manifest {
	b.t.Helper()
	m, err := v.Take(bytes.NewReader(bundle), false)
	b.must(err)
	return m
}

// start is what the launcher does; it returns what runs.
func (b *box) start(boot string) Start {
	b.t.Helper()
	return b.running("").Start(boot)
}

// proved is a version that was taken while v ran, started and kept.
func (b *box) proved(v *Versions, version string, built int64) *Versions {
	b.t.Helper()
	b.take(v, b.bundle(version, version, built))
	s := b.start("boot")
	if s.Version != version || !s.Trial {
		b.t.Fatalf("%s was taken, %+v starts", version, s)
	}
	next := b.running(s.Folder)
	if ok, err := next.Keep(); !ok || err != nil {
		b.t.Fatalf("keeping %s: %v, %v", version, ok, err)
	}
	return next
}
