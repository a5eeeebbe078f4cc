package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzRecords: no value of any bucket makes its decoder panic, even one whose checksum holds.
func FuzzRecords(f *testing.F) {
	boot := Boot{ID: "boot", Steps: []Step{{Base: epoch}}}
	partial := Partial{Path: "k", Size: 5, Mtime: epoch, Reason: "r"}
	for _, payload := range [][]byte{nil, {0}, boot.append(nil), partial.append(nil), make([]byte, 64), append(make([]byte, 9), 0xff, 0xff, 0xff, 0xff, 0x0f)} {
		for n := range 4 {
			f.Add(payload[:len(payload)*n/3], []byte("k"))
		}
		f.Add(payload, append(make([]byte, 10), "nas"...))
	}
	f.Fuzz(func(t *testing.T, payload, key []byte) {
		sealed := func(bucket []byte) []byte { return seal(bucket, key, append([]byte(nil), payload...)) }
		for _, decode := range []func() error{
			func() error { _, err := decodePartial(key, sealed(bucketPartial)); return err },
			func() error { _, err := decodeCamera(key, sealed(bucketCameras)); return err },
			func() error { _, err := decodeConsumer(key, sealed(bucketConsumers)); return err },
			func() error { _, err := decodeAcks(key, sealed(bucketAcks)); return err },
			func() error { _, err := decodeCursor(key, sealed(bucketCursors)); return err },
			func() error { _, err := decodePush(key, sealed(bucketPushes)); return err },
			func() error { _, err := decodeAnswer(key, sealed(bucketRequests)); return err },
			func() error { _, err := decodeSalvaged(key, sealed(bucketSalvaged)); return err },
			func() error { _, err := decodeTally(key, sealed(bucketHours)); return err },
			func() error { _, err := decodeBoot(payload); return err },
			func() error { _, err := parseDue(key); return err },
		} {
			_ = decode() // that it returns is the test
		}
		if b, err := decodeBoot(payload); err == nil {
			if again, err := decodeBoot(b.append(nil)); err != nil || again.ID != b.ID || len(again.Steps) != len(b.Steps) {
				t.Fatalf("%+v\n%+v %v", b, again, err)
			}
		}
	})
}

// FuzzPins: no state/pins is taken for another than the one that was written.
func FuzzPins(f *testing.F) {
	dir := f.TempDir()
	if err := writePins(dir, []ID{{1}, {2}}); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, pinsFile))
	if err != nil {
		f.Fatal(err)
	}
	for n := range whole {
		f.Add(whole[:n])
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, data []byte) {
		p := &pins{dir: dir, kept: map[ID]struct{}{}}
		if p.parse(data) != nil {
			return
		}
		if want := pinsTrailer(data[:max(len(data)-len(pinsTrailer(nil))-1, 0)]); string(data[max(len(data)-len(want), 0):]) != want {
			t.Fatalf("%q is taken for pins", data)
		}
	})
}

// FuzzTokens: whatever stands in state/tokens, nobody gets in who was not let in.
func FuzzTokens(f *testing.F) {
	dir := f.TempDir()
	now := func() time.Time { return epoch }
	t, err := OpenTokens(dir, now)
	if err != nil {
		f.Fatal(err)
	}
	secret, err := t.Add("kim", Viewer)
	if err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "tokens"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, secret)
	f.Add(whole[:len(whole)/2], secret)
	f.Add([]byte(`{"tokens":[{"name":"x","role":"admin","sha256":""}]}`), "")
	f.Add([]byte(`{"tokens":[{"name":"x","role":7}]}`), "x")
	f.Fuzz(func(t *testing.T, data []byte, given string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "tokens"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		tokens, err := OpenTokens(dir, now)
		if err != nil {
			return
		}
		if got, ok := tokens.Check(given); ok && (got.Role < Viewer || got.Role > Admin) {
			t.Fatalf("%q is let in as %+v", given, got)
		}
		if _, ok := tokens.Redeem(given); ok && len(given) < 16 {
			t.Fatalf("the code %q signs in", given)
		}
	})
}
