package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func newLedger(t *testing.T) (path string, l *ledger) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ledger")
	if err := createLedger(path, "L"); err != nil {
		t.Fatal(err)
	}
	l, err := openLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "c"} {
		if err := l.pulled(ledgerLine{Box: "x", Clip: id, File: "front/" + id + ".mp4", Ack: "nas"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.reached("x", cursor{"g", 7, "s"}); err != nil {
		t.Fatal(err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	return path, l
}

func known(t *testing.T, path string) (n int, l *ledger) {
	t.Helper()
	l, err := openLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.close() })
	for _, id := range []string{"a", "b", "c"} {
		if pulled, acked := l.has("x", id, "nas"); pulled && acked {
			n++
		}
	}
	return n, l
}

func TestLedgerRemembers(t *testing.T) {
	path, _ := newLedger(t)
	n, l := known(t, path)
	c, ok := l.cursor("x", "s")
	if n != 3 || !ok || c.Seq != 7 || l.id != "L" {
		t.Errorf("%d clips, cursor %v %v, id %q", n, c, ok, l.id)
	}
	if _, ok := l.cursor("x", "other"); ok {
		t.Error("a cursor is taken for another selection's")
	}
	if l.claim("FRONT/A.mp4", "x", "z") || !l.claim("front/a.mp4", "x", "a") {
		t.Error("a path that is a clip's was given to another, or refused to the clip")
	}
	if pulled, _ := l.has("y", "a", ""); pulled {
		t.Error("another box's clip is taken for this one's")
	}
}

// TestLedgerTornAnywhere cuts the file at every byte: what was whole before is remembered, and what is noted then too.
func TestLedgerTornAnywhere(t *testing.T) {
	path, _ := newLedger(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header := bytes.IndexByte(whole, '\n') + 1
	for cut := header; cut < len(whole); cut++ {
		write(t, path, whole[:cut])
		l, err := openLedger(path)
		if err != nil || l.damaged != 0 {
			t.Fatalf("cut at %d: %v, %d damaged", cut, err, l.damaged)
		}
		if err := errors.Join(l.pulled(ledgerLine{Box: "x", Clip: "new"}), l.close()); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || !bytes.HasSuffix(text, []byte("\n")) {
			t.Fatalf("cut at %d: something is left of the torn line (%v)", cut, err)
		}
		n, again := known(t, path)
		if pulled, _ := again.has("x", "new", ""); !pulled || n != min(3, bytes.Count(whole[:cut], []byte("\n"))-1) {
			t.Fatalf("cut at %d: %d clips known, the new one %v", cut, n, pulled)
		}
	}
}

func TestLedgerDamagedAnywhere(t *testing.T) {
	path, _ := newLedger(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header := bytes.IndexByte(whole, '\n') + 1
	for at := header; at < len(whole); at++ {
		bad := bytes.Clone(whole)
		bad[at] ^= 0x41
		write(t, path, bad)
		n, l := known(t, path)
		if n < 1 || n != len(l.clips) || l.id != "L" {
			t.Fatalf("damaged at %d: %d clips known, %d of them noted before", at, len(l.clips), n)
		}
		if c := l.cursors["x"]; c != (cursor{}) && c != (cursor{"g", 7, "s"}) || len(l.cursors) > 1 {
			t.Fatalf("damaged at %d: cursors %v", at, l.cursors)
		}
	}
	write(t, path, append([]byte("x"), whole...))
	if _, err := openLedger(path); !errors.Is(err, errNoLedger) {
		t.Errorf("a damaged beginning: %v", err)
	}
}

func TestWindowsNames(t *testing.T) {
	for name, want := range map[string]string{"CON": "_CON", "nul.mp4": "_nul.mp4", "com1.txt.mp4": "_com1.txt.mp4", "LPT¹": "_LPT¹", "console": "console", "com10": "com10", "aux .x": "_aux .x"} {
		if got := cleanElementOn(name, "windows"); got != want {
			t.Errorf("%q is %q on Windows, want %q", name, got, want)
		}
	}
	if got := cleanElementOn("CON", "linux"); got != "CON" {
		t.Errorf("CON is %q on Linux", got)
	}
}
