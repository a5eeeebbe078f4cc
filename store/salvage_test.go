package store

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

const salvageClips = 400

// acked makes a catalogue with two consumers and with pushes, as a process leaves it that was killed: phone has every
// clip, desk every third; every fourth has a push that waits, every tenth a dead one, and every fifth had one that was
// delivered.
func acked(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, _ := open(t, dir)
	for n := range salvageClips {
		c := clip("front", n)
		ops := []Op{Add(c, Live), Ack("phone", c.ID, nil)}
		if n%3 == 0 {
			ops = append(ops, Ack("desk", c.ID, nil))
		}
		if n%4 == 0 {
			ops = append(ops, Enqueue(Push{ID: c.ID, Target: "nas"}), PushTried(c.ID, "nas", epoch.Add(time.Hour), "refused"))
		}
		if n%10 == 0 {
			ops = append(ops, Enqueue(Push{ID: c.ID, Target: "s3"}), PushDead(c.ID, "s3", "forbidden"))
		}
		if n%5 == 0 {
			ops = append(ops, Enqueue(Push{ID: c.ID, Target: "tape"}))
		}
		apply(t, s, ops...)
	}
	for n := 0; n < salvageClips; n += 5 {
		apply(t, s, PushDelivered(clip("front", n).ID, "tape"))
	}
	sound(t, s)
	unclean(t, dir)
	return dir
}

func unclean(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, runningName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// relist adds the clips again, as a scan of the recordings does.
func relist(t *testing.T, s *Store) {
	t.Helper()
	var ops []Op
	for n := range salvageClips {
		ops = append(ops, See(clip("front", n)), Add(clip("front", n), Scan))
	}
	apply(t, s, ops...)
}

// rowsIn returns what the buckets of acks and pushes hold, key and value together.
func rowsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	db, err := openBolt(catalogue(dir), 64<<20, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows := map[string]bool{}
	err = guarded(db, func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketAcks, bucketPushes} {
			if err := tx.Bucket(name).ForEach(func(k, v []byte) error {
				rows[string(k)+string(v)] = true
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// flipIn damages the row in the pages in use and the pages that are not.
func flipIn(t *testing.T, b []byte, row string) {
	t.Helper()
	if !bytes.Contains(b, []byte(row)) {
		t.Fatalf("%q is not in the file", row)
	}
	for at := bytes.Index(b, []byte(row)); at >= 0; at = bytes.Index(b, []byte(row)) {
		b[at+len(row)-1] ^= 1
	}
}

// rowOf returns key and value of a row in the catalogue in dir.
func rowOf(t *testing.T, dir string, bucket, key []byte) string {
	t.Helper()
	db, err := openBolt(catalogue(dir), 64<<20, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var row string
	if err := guarded(db, func(tx *bolt.Tx) error {
		row = string(key) + string(tx.Bucket(bucket).Get(key))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return row
}

// TestSalvage damages a clip, one clip's acks and one push: all other acks and pushes count again once their clips are
// listed, and nothing comes back that was over.
func TestSalvage(t *testing.T) {
	dir := acked(t)
	want := rowsIn(t, dir)
	badAcks, badPush := clip("front", 30), clip("front", 80)
	lost := []string{rowOf(t, dir, bucketAcks, badAcks.ID[:]), rowOf(t, dir, bucketPushes, pushKey(badPush.ID, "nas"))}
	damage(t, dir, func(b []byte) []byte {
		id := clip("front", 7).ID
		flipIn(t, b, rowOf(t, dir, bucketClips, id[:]))
		for _, row := range lost {
			flipIn(t, b, row)
			delete(want, row)
		}
		return b
	})
	s, opened := open(t, dir)
	if opened.SetAside == "" {
		t.Fatalf("%+v", opened)
	}
	if waiting, dead := s.PushCounts(); waiting+dead != 0 {
		t.Fatalf("%d pushes wait and %d are dead before there is a clip", waiting, dead)
	}
	relist(t, s)
	checkSalvaged(t, s, badPush.ID)
	apply(t, s, DropSalvaged())
	sound(t, s)
	compareRows(t, rowsIn(t, dir), want)
}

func checkSalvaged(t *testing.T, s *Store, lost ID) {
	t.Helper()
	if waiting, dead := s.PushCounts(); waiting != salvageClips/4-1 || dead != salvageClips/10 {
		t.Fatalf("%d pushes wait and %d are dead", waiting, dead)
	}
	p, _, ok, err := s.DuePush(epoch.Add(2 * time.Hour))
	if err != nil || !ok || p.Attempts != 1 || p.Error != "refused" || p.ID == lost {
		t.Fatalf("%+v %v %v", p, ok, err)
	}
	consumers, err := s.Consumers()
	if err != nil || len(consumers) != 2 || consumers[0].Acked != 133 || consumers[1].Acked != salvageClips-1 || consumers[1].Seq != 0 {
		t.Fatalf("%+v %v", consumers, err)
	}
}

func compareRows(t *testing.T, got, want map[string]bool) {
	t.Helper()
	for row := range want {
		if !got[row] {
			t.Errorf("%q was intact and is lost", row)
		}
	}
	for row := range got {
		if !want[row] {
			t.Errorf("%q came back", row)
		}
	}
}

// TestSalvageQuarters overwrites each quarter of the file in turn, twice in a row: what the other three hold counts again.
func TestSalvageQuarters(t *testing.T) {
	for quarter := range 4 {
		dir := acked(t)
		want := rowsIn(t, dir)
		consumer := rowOf(t, dir, bucketConsumers, []byte("phone"))
		clearFree(t, dir)
		damage(t, dir, func(b []byte) []byte {
			pages := usedPages(b)
			random := rand.NewChaCha8([32]byte{byte(quarter)})
			random.Read(b[pages*quarter/4*pageSize : pages*(quarter+1)/4*pageSize])
			known := bytes.Contains(b, []byte(consumer))
			for row := range want {
				if !bytes.Contains(b, []byte(row)) || !known && len(row) < ackRow {
					delete(want, row)
				}
			}
			return b
		})
		s, opened := open(t, dir)
		if opened.SetAside == "" {
			t.Fatalf("quarter %d: %+v", quarter, opened)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		damage(t, dir, func(b []byte) []byte { clear(b[:2*pageSize]); return b })
		if s, opened = open(t, dir); opened.SetAside == "" {
			t.Fatalf("quarter %d: %+v", quarter, opened)
		}
		relist(t, s)
		sound(t, s)
		got := rowsIn(t, dir)
		t.Logf("quarter %d: %d rows intact, %d are back", quarter, len(want), len(got))
		compareRows(t, got, want)
		if len(want) == 0 {
			t.Errorf("quarter %d: nothing was intact: this test tests nothing", quarter)
		}
	}
}

// ackRow is more than the row of a clip that two consumers have is long, and less than that of a push.
const ackRow = 10 + 2*4 + sealSize + 1

// clearFree empties the pages of the catalogue that are not in use, so that no row is in the file twice.
func clearFree(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(catalogue(dir))
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	free := freePages(f, info.Size()/pageSize)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	damage(t, dir, func(b []byte) []byte {
		for id := range free {
			if free[id] {
				clear(b[id*pageSize : (id+1)*pageSize])
			}
		}
		return b
	})
}

func usedPages(b []byte) int {
	m, _ := parseMeta(b[newestMetaAt(b)+pageHeader:])
	return int(m.pages)
}

// TestSalvageNumbers: where a consumer is lost, nobody new gets what it had.
func TestSalvageNumbers(t *testing.T) {
	dir := acked(t)
	damage(t, dir, func(b []byte) []byte {
		flipIn(t, b, rowOf(t, dir, bucketConsumers, []byte("desk")))
		flipIn(t, b, rowOf(t, dir, bucketConsumers, []byte("phone")))
		clear(b[:2*pageSize])
		return b
	})
	s, _ := open(t, dir)
	apply(t, s, Add(clip("back", 1), Live), Ack("new", clip("back", 1).ID, nil), Ack("newer", clip("back", 1).ID, nil))
	relist(t, s)
	for _, name := range []string{"new", "newer"} {
		if has, err := s.Acked(name, clip("front", 0).ID); has || err != nil {
			t.Fatalf("%q has a clip that it never acknowledged: %v", name, err)
		}
	}
	sound(t, s)
}

// TestSalvageRename: a clip that is renamed before it was listed takes along what was salvaged for it.
func TestSalvageRename(t *testing.T) {
	dir := acked(t)
	damage(t, dir, func(b []byte) []byte { clear(b[:2*pageSize]); return b })
	s, _ := open(t, dir)
	old, c := clip("front", 0), clip("back", 0)
	apply(t, s, See(old), DropSalvaged(), Rename(old.ID, c, "renamed"))
	if pushes, err := s.PushesOf(c.ID); err != nil || len(pushes) < 2 {
		t.Fatalf("%+v %v", pushes, err)
	}
	if has, err := s.Acked("desk", c.ID); !has || err != nil {
		t.Fatal(has, err)
	}
	apply(t, s, DropSalvaged())
	relist(t, s)
	if has, err := s.Acked("phone", clip("front", 1).ID); has || err != nil {
		t.Fatalf("what was dropped came back: %v", err)
	}
	sound(t, s)
}

// TestSalvageFlips flips bits anywhere: no page makes salvaging fail, and what it makes is sound.
func TestSalvageFlips(t *testing.T) {
	dir := acked(t)
	whole, err := os.ReadFile(catalogue(dir))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		b := bytes.Clone(whole)
		for range 500 {
			b[random.IntN(usedPages(whole)*pageSize)] ^= 1 << random.IntN(8)
		}
		clear(b[:2*pageSize])
		damage(t, dir, func([]byte) []byte { return b })
		s, opened := open(t, dir)
		if opened.SetAside == "" {
			t.Fatalf("%+v", opened)
		}
		sound(t, s)
	}
	if _, err := os.Stat(filepath.Join(dir, newName)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s is left: %v", newName, err)
	}
}

// TestSalvageLimit: past the limit no row is kept, but consumers are, for what was kept before names them.
func TestSalvageLimit(t *testing.T) {
	db, err := createNew(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	g := salvager{db: db, rows: maxSalvaged - 1}
	for n := range 3 {
		id := clip("front", n).ID
		if err := g.row(id[:], seal(bucketAcks, id[:], []byte{0, 0, 0, 7})); err != nil {
			t.Fatal(err)
		}
	}
	name := []byte("phone")
	consumer := consumerRow{number: 7}
	if err := errors.Join(g.row(name, seal(bucketConsumers, name, consumer.append(nil))), g.flush()); err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bolt.Tx) error {
		if _, err := readConsumer(tx, "phone"); err != nil {
			return err
		}
		return hasRows(tx, bucketSalvaged, 1)
	})
	if err != nil || g.rows != maxSalvaged {
		t.Fatal(g.rows, err)
	}
}
