package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// filled makes a closed catalogue with clips at every stage, some pinned.
func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, _ := open(t, dir)
	for batch := range 10 {
		var ops []Op
		for n := range 40 {
			c := clip([]string{"front", "back"}[n%2], batch*40+n)
			switch {
			case n%10 == 9:
				ops = append(ops, See(c))
			default:
				ops = append(ops, Add(c, Scan), Pin(c.ID, n%10 == 1))
			}
		}
		apply(t, s, append(ops, SetCursor("announcer", uint64(batch)), SetPartial(Partial{Path: fmt.Sprint("p", batch)}))...)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func catalogue(dir string) string { return filepath.Join(dir, fileName) }

// damage rewrites the catalogue in dir.
func damage(t *testing.T, dir string, change func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(catalogue(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(catalogue(dir), change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newestMetaAt is where the meta page that counts begins.
func newestMetaAt(b []byte) int {
	tx := func(page int) uint64 { return binary.NativeEndian.Uint64(b[page*pageSize+pageHeader+48:]) }
	if tx(1) > tx(0) {
		return pageSize
	}
	return 0
}

func TestTornMeta(t *testing.T) {
	dir := filled(t)
	s, _ := open(t, dir)
	_, last := s.Journal()
	apply(t, s, Add(clip("front", 1000), Live))
	s.Close()
	damage(t, dir, func(b []byte) []byte {
		clear(b[newestMetaAt(b)+pageHeader+30:][:20])
		return b
	})
	s, opened := open(t, dir)
	if opened.Created || !opened.Unclean {
		t.Fatalf("%+v", opened)
	}
	if _, now := s.Journal(); now != last {
		t.Fatalf("the journal ends at %d, not one transaction earlier at %d", now, last)
	}
	apply(t, s, Add(clip("front", 1000), Live))
	if _, now := s.Journal(); now != last+uncleanJump+1 {
		t.Fatalf("seq went on at %d after %d", now, last)
	}
	sound(t, s)
}

func TestSetAside(t *testing.T) {
	for name, change := range map[string]func(b []byte) []byte{
		"no metas":  func(b []byte) []byte { clear(b[:2*pageSize]); return b },
		"truncated": func(b []byte) []byte { return b[:len(b)/2/pageSize*pageSize/4] },
		"empty":     func([]byte) []byte { return nil },
		"text":      func([]byte) []byte { return []byte(strings.Repeat("no catalogue\n", 3000)) },
		"freelist": func(b []byte) []byte {
			free := binary.NativeEndian.Uint64(b[newestMetaAt(b)+pageHeader+32:])
			binary.NativeEndian.PutUint64(b[free*pageSize+pageHeader:], 1<<40)
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			damage(t, dir, change)
			s, opened := open(t, dir)
			if !opened.Created || opened.SetAside != fileName+".bad-1" || opened.Reason == "" {
				t.Fatalf("%+v", opened)
			}
			if _, err := os.Stat(filepath.Join(dir, opened.SetAside)); err != nil {
				t.Fatal(err)
			}
			rebuilt(t, s)
		})
	}
}

// rebuilt adds what a scan would find and checks that ids and pins are the old ones.
func rebuilt(t *testing.T, s *Store) {
	t.Helper()
	for n := range 400 {
		c := clip([]string{"front", "back"}[n%2], n)
		apply(t, s, See(c))
		if got, _, err := s.Clip(c.ID); err != nil || got.Pinned != (n%10 == 1) {
			t.Fatalf("clip %d: pinned %v, %v", n, got.Pinned, err)
		}
		if n >= 20 {
			break
		}
	}
	apply(t, s, Add(clip("back", 1), Scan))
	if page, err := s.List(Query{Pinned: ptr(true)}); err != nil || len(page.Clips) != 1 {
		t.Fatalf("%+v %v", page, err)
	}
	sound(t, s)
}

func TestSetAsideKeepsTwo(t *testing.T) {
	dir := t.TempDir()
	for range 4 {
		s, _ := open(t, dir)
		s.Close()
		damage(t, dir, func([]byte) []byte { return nil })
	}
	open(t, dir)
	if kept, err := badNumbers(dir); err != nil || len(kept) != 2 || kept[0] != 3 || kept[1] != 4 {
		t.Fatal(kept, err)
	}
}

func TestTooNew(t *testing.T) {
	dir := filled(t)
	db, err := openBolt(catalogue(dir), 64<<20, false)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(metaSchema, seal(bucketMeta, metaSchema, binary.BigEndian.AppendUint32(nil, schema+1)))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, opened := open(t, dir); !opened.Created || !strings.Contains(opened.Reason, "newer") {
		t.Fatalf("%+v", opened)
	}
}

// TestUncleanVerified flips one bit after an unclean stop: the catalogue is opened with all that was in it, or set aside.
func TestUncleanVerified(t *testing.T) {
	dir := filled(t)
	want := contents(t, dir)
	whole, err := os.ReadFile(catalogue(dir))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	kept, aside := 0, 0
	for range 40 {
		flipBit(t, dir, whole, random)
		if err := os.WriteFile(filepath.Join(dir, runningName), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s, opened, err := Open(t.Context(), Options{Dir: dir, Verify: VerifyInChild, maxSize: 64 << 20})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if opened.Created {
			aside++
			continue
		}
		kept++
		if got := contents(t, dir); got != want {
			t.Fatal("the catalogue was opened and its contents differ")
		}
	}
	t.Logf("%d opened, %d set aside", kept, aside)
	if aside == 0 {
		t.Fatal("no flip did any damage: this test tests nothing")
	}
}

// flipBit flips a bit in one of the pages in use.
func flipBit(t *testing.T, dir string, whole []byte, random *rand.Rand) {
	t.Helper()
	b := bytes.Clone(whole)
	used := int(binary.NativeEndian.Uint64(b[newestMetaAt(b)+pageHeader+40:])) * pageSize
	b[random.IntN(min(used, len(b)))] ^= 1 << random.IntN(8)
	if err := os.WriteFile(catalogue(dir), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// contents is what a process of its own reads from the catalogue in dir.
func contents(t *testing.T, dir string) string {
	t.Helper()
	out, err := child(t, "read", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// reading prints every clip that can be listed or is pending, with a checksum over all of it.
func reading(args []string) error {
	s, _, err := Open(context.Background(), Options{Dir: args[0], maxSize: 64 << 20})
	if err != nil {
		return err
	}
	var clips []Clip
	q := Query{Limit: maxLimit}
	for {
		page, err := s.List(q)
		if err != nil {
			return err
		}
		clips = append(clips, page.Clips...)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	pending, err := s.Pending(StageSeen, ID{}, 10_000)
	if err != nil {
		return err
	}
	for _, c := range append(clips, pending...) {
		fmt.Printf("%s %08x\n", c.ID, crc32.ChecksumIEEE(fmt.Appendf(nil, "%+v", c)))
	}
	return s.Close()
}

// TestFlipsNeverReadWrong flips one bit after a clean stop, which nobody verifies: whatever is read is what was written.
// The process may die of it, and the next start then verifies.
func TestFlipsNeverReadWrong(t *testing.T) {
	dir := filled(t)
	want := map[string]bool{}
	for line := range strings.Lines(contents(t, dir)) {
		want[line] = true
	}
	whole, err := os.ReadFile(catalogue(dir))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	less := 0
	for range 40 {
		flipBit(t, dir, whole, random)
		out, err := child(t, "read", dir).Output()
		lines := 0
		for in := bufio.NewScanner(bytes.NewReader(out)); in.Scan(); lines++ {
			if !want[in.Text()+"\n"] {
				t.Fatalf("read %q, which nobody wrote", in.Text())
			}
		}
		if err != nil || lines < len(want) {
			less++
		}
		if err := os.Remove(filepath.Join(dir, runningName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	t.Logf("%d of 40 flips were met", less)
	if less == 0 {
		t.Fatal("no flip did any damage: this test tests nothing")
	}
}

// TestDamagedRecord: a record that fails its checksum is left out by reads, counted, and ends the writer that meets it.
func TestDamagedRecord(t *testing.T) {
	dir := filled(t)
	bad, good := clip("front", 2), clip("front", 4)
	db, err := openBolt(catalogue(dir), 64<<20, false)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { // the value of another clip, whole
		b := tx.Bucket(bucketClips)
		return b.Put(bad.ID[:], bytes.Clone(b.Get(good.ID[:])))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s, _ := open(t, dir)
	if _, _, err := s.Clip(bad.ID); !errors.Is(err, ErrNotFound) || s.Damaged() != 1 {
		t.Fatal(err, s.Damaged())
	}
	if page, err := s.List(Query{Limit: maxLimit}); err != nil || len(page.Clips) != 359 {
		t.Fatal(len(page.Clips), err)
	}
	err = s.Apply(t.Context(), See(bad), See(clip("front", 5000)))
	if !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	if _, _, err := s.Clip(clip("front", 5000).ID); err != nil {
		t.Fatal("a neighbour of the failing op is lost:", err)
	}
	if err := s.Wait(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	s.Close()
	s, opened := open(t, dir)
	if !opened.Unclean || !opened.Created {
		t.Fatalf("%+v", opened)
	}
	rebuilt(t, s)
}

// TestKeysThatDoNotRise: a path that is damaged behind a clean stop stands where it does not belong. Whoever pages through
// the paths comes to an end, and the next start finds it.
func TestKeysThatDoNotRise(t *testing.T) {
	dir := filled(t)
	damage(t, dir, func(b []byte) []byte {
		path := []byte(clip("front", 2).Path)
		for at := bytes.Index(b, path); at >= 0; at = bytes.Index(b, path) {
			b[at] ^= 16
		}
		return b
	})
	s, _ := open(t, dir)
	var err error
	for after, pages := "", 0; err == nil && pages < 1000; pages++ {
		var page []Known
		if page, err = s.PathsFrom(after, 3); err == nil && len(page) > 0 {
			after = page[len(page)-1].Path
		} else {
			break
		}
	}
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("the damage was not met: %v", err)
	}
	s.Close()
	if _, opened := open(t, dir); opened.SetAside == "" {
		t.Errorf("%+v", opened)
	}
}
