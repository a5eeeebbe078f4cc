package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clipd/device/clock"
)

// bench is a Source's surroundings, which a test changes.
type bench struct {
	t       *testing.T
	now     time.Time
	synced  bool
	box     string
	names   []string
	problem string
	dir     string
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), synced: true, box: "0123456789ab",
		names: []string{"porch", "porch.local", "192.0.2.7", "fd00::7"}, dir: t.TempDir()}
}

func (b *bench) config() Config {
	return Config{
		Dir: b.dir, Box: b.box, Names: func() []string { return b.names }, Log: slog.New(slog.DiscardHandler),
		Clock:   clock.Clock{Now: func() time.Time { return b.now }, Synced: func() bool { return b.synced }},
		Problem: func(text string) { b.problem = text },
	}
}

func (b *bench) open() *Source {
	b.t.Helper()
	s, err := Open(b.config())
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// sameKey says whether two sources show the same key.
func sameKey(a, b *Source) bool {
	return a.Leaf().PublicKey.(*ecdsa.PublicKey).Equal(b.Leaf().PublicKey)
}

func TestOwnCertificateIsForEveryNameAndFromThePast(t *testing.T) {
	b := newBench(t)
	b.now, b.synced = time.Unix(1000, 0), false // a board without a clock battery
	leaf := b.open().Leaf()
	for _, name := range b.names {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if leaf.NotBefore.Year() != 2020 || leaf.NotAfter.Year() < 2035 {
		t.Errorf("good from %v until %v", leaf.NotBefore, leaf.NotAfter)
	}
	if key := leaf.PublicKey.(*ecdsa.PublicKey); key.Curve != elliptic.P256() {
		t.Errorf("the key is on %v", key.Curve.Params().Name)
	}
	if leaf.IsCA {
		t.Error("whoever trusts the box trusts all that it signs")
	}
}

func TestOwnPairOutlivesARestart(t *testing.T) {
	b := newBench(t)
	first, second := b.open(), b.open()
	if !bytes.Equal(first.Leaf().Raw, second.Leaf().Raw) {
		t.Error("another certificate after a restart")
	}
	fi, err := os.Stat(filepath.Join(b.dir, keyFile))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", fi.Mode(), err)
	}
}

func TestOwnCertificateIsRenewedWithItsKey(t *testing.T) {
	for _, tt := range []struct {
		what   string
		change func(*bench)
		renews bool
	}{
		{"nothing", func(*bench) {}, false},
		{"another address", func(b *bench) { b.names = append(b.names, "192.0.2.8") }, true},
		{"a name less", func(b *bench) { b.names = b.names[1:] }, false},
		{"the end is near", func(b *bench) { b.now = b.now.AddDate(9, 1, 0) }, true},
		{"a clock nobody trusts", func(b *bench) { b.now, b.synced = b.now.AddDate(9, 1, 0), false }, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			b := newBench(t)
			s := b.open()
			before := s.Leaf()
			tt.change(b)
			s.check()
			if got := s.Leaf() != before; got != tt.renews {
				t.Errorf("renewed: %v", got)
			}
			again := b.open()
			if !sameKey(s, again) || !before.PublicKey.(*ecdsa.PublicKey).Equal(again.Leaf().PublicKey) {
				t.Error("the key is another one")
			}
			if !bytes.Equal(s.Leaf().Raw, again.Leaf().Raw) {
				t.Error("what was renewed is not on the disk")
			}
		})
	}
}

func TestKeyOfACopiedCardIsNotUsed(t *testing.T) {
	b := newBench(t)
	first := b.open()
	b.box = "ffffffffffff"
	if second := b.open(); sameKey(first, second) {
		t.Error("two boxes have one key")
	}
}

func TestDamagedFilesAreMadeAgain(t *testing.T) {
	for _, tt := range []struct {
		name string
		keep bool
	}{{certFile, true}, {keyFile, false}} {
		for _, damage := range []string{"", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\x00\x00"} {
			b := newBench(t)
			first := b.open()
			if err := os.WriteFile(filepath.Join(b.dir, tt.name), []byte(damage), 0o600); err != nil {
				t.Fatal(err)
			}
			if second := b.open(); sameKey(first, second) != tt.keep {
				t.Errorf("%s damaged to %q: the same key: %v", tt.name, damage, !tt.keep)
			}
		}
	}
}

// pair returns the PEM texts of a pair made for box.
func pair(t *testing.T, change func(*bench)) (cert, key []byte) {
	t.Helper()
	b := newBench(t)
	change(b)
	b.open()
	return read(t, b.dir, certFile), read(t, b.dir, keyFile)
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSuppliedPairIsReadAgain(t *testing.T) {
	b := newBench(t)
	cfg := b.config()
	var readErr error
	cert, key := pair(t, func(*bench) {})
	cfg.Read = func() ([]byte, []byte, error) { return cert, key, readErr }
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Leaf()
	_, otherKey := pair(t, func(*bench) {})
	for _, broken := range []func(){
		func() { key = otherKey },
		func() { cert = []byte("no PEM") },
		func() { readErr = errors.New("no such file") },
	} {
		broken()
		if err := s.Reload(); err == nil || s.Leaf() != before {
			t.Errorf("a broken pair: %v; another certificate is shown: %v", err, s.Leaf() != before)
		}
	}
	readErr = nil
	cert, key = pair(t, func(*bench) {})
	if err := s.Reload(); err != nil || s.Leaf() == before {
		t.Errorf("a new pair was not taken: %v", err)
	}
	cert = nil
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "http.cert") {
		t.Errorf("a box starts with a broken pair: %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, keyFile)); err == nil {
		t.Error("a pair of the box's own was made beside the supplied one")
	}
}

func TestEndOfASuppliedCertificateIsAProblem(t *testing.T) {
	b := newBench(t)
	cfg := b.config()
	cert, key := pair(t, func(*bench) {})
	cfg.Read = func() ([]byte, []byte, error) { return cert, key, nil }
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	end := s.Leaf().NotAfter
	for _, tt := range []struct {
		now    time.Time
		synced bool
		says   string
	}{
		{end.AddDate(0, 0, -30), true, ""},
		{end.AddDate(0, 0, -3), true, "expires"},
		{end.AddDate(0, 0, 3), true, "expired"},
		{end.AddDate(0, 0, 3), false, ""},
	} {
		b.now, b.synced = tt.now, tt.synced
		s.check()
		if tt.says == "" && b.problem != "" || !strings.Contains(b.problem, tt.says) {
			t.Errorf("at %v: %q", tt.now, b.problem)
		}
	}
}
