package store

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestInCircles: a catalogue in which a page of an earlier time leads back to another one, as a card left it that had lost
// a write; bbolt's own check of it goes on for longer than anybody waits for a box.
func TestInCircles(t *testing.T) {
	packed, err := os.Open("testdata/circle.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	whole, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(whole)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = VerifyInChild(t.Context(), catalogue(dir))
	if took := time.Since(began); !errors.Is(err, ErrDamaged) || took > time.Minute {
		t.Errorf("found out after %v: %v", took, err)
	}
}
