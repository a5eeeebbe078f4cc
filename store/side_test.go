package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// TestSideModel applies random ops on clips, pushes and consumers; after each, every index and count must be what a
// recount of the rows gives, and no push or ack is left of a clip that is gone.
func TestSideModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _, err := Open(context.Background(), Options{Dir: rapidDir(t), BootID: "boot", Now: func() time.Time { return epoch }, maxSize: 32 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		t.Repeat(map[string]func(*rapid.T){
			"apply": func(t *rapid.T) {
				ops := make([]Op, rapid.IntRange(1, 4).Draw(t, "ops"))
				for i := range ops {
					ops[i] = drawSideOp(t)
				}
				if err := s.Apply(context.Background(), ops...); err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrWrongHash) {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				if err := s.db.View(recountAll); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

func rapidDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "store-side")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func drawSideOp(t *rapid.T) Op {
	c := drawClip(t)
	target := rapid.SampledFrom([]string{"nas", "s3"}).Draw(t, "target")
	consumer := rapid.SampledFrom([]string{"phone", "desk"}).Draw(t, "consumer")
	next := epoch.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "next")) * time.Second)
	switch rapid.SampledFrom([]string{"see", "add", "add", "rename", "mark", "unmark", "forget", "enqueue", "enqueue", "tried", "dead", "delivered", "drop", "ack", "ack", "dropconsumer", "answered"}).Draw(t, "op") {
	case "see":
		return See(c)
	case "add":
		return Add(c, Live)
	case "rename":
		return Rename(drawClip(t).ID, c, "renamed")
	case "mark":
		return Mark(c.ID, "age")
	case "unmark":
		return Unmark(c.ID)
	case "forget":
		return Forget(c.ID, "gone")
	case "enqueue":
		return Enqueue(Push{ID: c.ID, Target: target, Next: next})
	case "tried":
		return PushTried(c.ID, target, next, "refused")
	case "dead":
		return PushDead(c.ID, target, "refused")
	case "delivered":
		return PushDelivered(c.ID, target)
	case "drop":
		return DropPush(c.ID, target)
	case "ack":
		return Ack(consumer, c.ID, nil)
	case "dropconsumer":
		return DropConsumer(consumer)
	}
	return Answered("push", fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "transaction")), make([]byte, rapid.IntRange(0, 9).Draw(t, "answer")))
}

func eventTypes(t *testing.T, s *Store) (kinds []string) {
	t.Helper()
	events, _, err := s.Events(0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		kinds = append(kinds, fmt.Sprintf("%s %s %s", e.Type, e.Target, e.Reason))
	}
	return kinds
}

func TestPushLife(t *testing.T) {
	s, _ := open(t, t.TempDir())
	c := clip("front", 1)
	if err := s.Apply(t.Context(), Enqueue(Push{ID: c.ID, Target: "nas"})); !errors.Is(err, ErrNotFound) {
		t.Fatalf("an unknown clip was queued: %v", err)
	}
	apply(t, s, Add(c, Live), Enqueue(Push{ID: c.ID, Target: "nas"}), Enqueue(Push{ID: c.ID, Target: "s3", Next: epoch.Add(time.Hour)}))
	p, next, ok, err := s.DuePush(epoch)
	if err != nil || !ok || p.Target != "nas" || p.Size != c.Size || !next.Equal(epoch.Truncate(time.Millisecond)) {
		t.Fatalf("%+v %v %v %v", p, next, ok, err)
	}
	apply(t, s, PushTried(c.ID, "nas", epoch.Add(2*time.Hour), "refused"), Enqueue(Push{ID: c.ID, Target: "nas"}))
	if _, next, ok, _ := s.DuePush(epoch); ok || !next.Equal(epoch.Add(time.Hour)) {
		t.Fatalf("due %v at %v", ok, next)
	}
	if _, next, ok, _ := s.DuePush(epoch, "s3"); ok || !next.Equal(epoch.Add(2*time.Hour)) {
		t.Fatalf("without the resting lane: due %v at %v", ok, next)
	}
	apply(t, s, PushDead(c.ID, "nas", "refused again"))
	if waiting, dead := s.PushCounts(); waiting != 1 || dead != 1 {
		t.Fatal(waiting, dead)
	}
	apply(t, s, Enqueue(Push{ID: c.ID, Target: "nas"}))
	pushes, err := s.PushesOf(c.ID)
	if err != nil || len(pushes) != 2 || pushes[0].Dead || pushes[0].Attempts != 0 || pushes[0].Error != "" {
		t.Fatalf("%+v %v", pushes, err)
	}
	apply(t, s, PushDelivered(c.ID, "nas"))
	if got, _, _ := s.Clip(c.ID); got.Pushed {
		t.Fatal("it counts as pushed while one push is left")
	}
	apply(t, s, PushDelivered(c.ID, "s3"))
	if got, _, _ := s.Clip(c.ID); !got.Pushed {
		t.Fatal("it does not count as pushed")
	}
	yes := true
	if page, err := s.List(Query{Pushed: &yes}); err != nil || len(page.Clips) != 1 {
		t.Fatalf("%+v %v", page, err)
	}
	want := []string{"clip_added  ", "push_failed nas refused again", "push_done nas ", "push_done s3 "}
	if got := eventTypes(t, s); !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	apply(t, s, Enqueue(Push{ID: c.ID, Target: "third"}))
	if got, _, _ := s.Clip(c.ID); got.Pushed {
		t.Fatal("it counts as pushed although a third target waits for it")
	}
	sound(t, s)
}

func TestPushesEndWithTheirClip(t *testing.T) {
	s, _ := open(t, t.TempDir())
	c, d := clip("front", 1), clip("front", 2)
	apply(t, s, Add(c, Live), Enqueue(Push{ID: c.ID, Target: "nas"}), Enqueue(Push{ID: c.ID, Target: "s3"}), PushDead(c.ID, "s3", "403"), Ack("desk", c.ID, nil))
	apply(t, s, Rename(c.ID, d, "renamed"))
	if pushes, err := s.PushesOf(c.ID); err != nil || len(pushes) != 0 {
		t.Fatalf("the old id has %+v %v", pushes, err)
	}
	pushes, err := s.PushesOf(d.ID)
	if err != nil || len(pushes) != 2 || pushes[0].Target != "nas" || !pushes[1].Dead {
		t.Fatalf("%+v %v", pushes, err)
	}
	if has, err := s.Acked("desk", d.ID); err != nil || !has {
		t.Fatal("the ack was lost", err)
	}
	apply(t, s, Mark(d.ID, "age"), Forget(d.ID, ""))
	want := []string{"clip_added  ", "push_failed s3 403", "clip_removed  renamed", "clip_added  ", "push_failed nas the clip was removed", "clip_removed  age"}
	if got := eventTypes(t, s); !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	if waiting, dead := s.PushCounts(); waiting != 0 || dead != 0 {
		t.Fatal(waiting, dead)
	}
	sound(t, s)
}

func TestFreeURLs(t *testing.T) {
	s, _ := open(t, t.TempDir())
	c := clip("front", 1)
	one := Push{ID: c.ID, Target: "https://s3.example.org#01", URL: "https://s3.example.org/a?sig=1"}
	two := one
	two.Target = "https://s3.example.org#02"
	apply(t, s, Add(c, Live), Enqueue(one), Enqueue(two), PushTried(c.ID, one.Target, epoch.Add(time.Hour), "late"))
	if one.Lane() != "https://s3.example.org" || one.Lane() != two.Lane() {
		t.Fatal(one.Lane())
	}
	if _, _, ok, err := s.DuePush(epoch, one.Lane()); ok || err != nil {
		t.Fatal("a resting lane is due", err)
	}
	one.URL = "https://s3.example.org/a?sig=2"
	apply(t, s, Enqueue(one))
	if pushes, _ := s.PushesOf(c.ID); len(pushes) != 2 || pushes[0].URL != one.URL || pushes[0].Attempts != 0 {
		t.Fatalf("a URL that was signed anew: %+v", pushes)
	}
}

func TestPushPages(t *testing.T) {
	s, _ := open(t, t.TempDir())
	var want, got []string
	for n := range 7 {
		c := clip("front", n)
		apply(t, s, Add(c, Live), Enqueue(Push{ID: c.ID, Target: "nas"}), Enqueue(Push{ID: c.ID, Target: "nas2"}))
		want = append(want, c.ID.String()+"nas", c.ID.String()+"nas2")
	}
	for after := ""; ; {
		page, err := s.Pushes(after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, p := range page {
			got = append(got, p.ID.String()+p.Target)
			after = p.Key()
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	if _, err := s.Pushes("!", 3); !errors.Is(err, ErrBadCursor) {
		t.Fatal(err)
	}
}

func TestConsumers(t *testing.T) {
	s, _ := open(t, t.TempDir())
	a, b := clip("front", 1), clip("front", 2)
	apply(t, s, Add(a, Live), See(b))
	if err := s.Apply(t.Context(), Ack("desk", clip("front", 3).ID, nil)); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), Ack("desk", a.ID, &[32]byte{9})); !errors.Is(err, ErrWrongHash) {
		t.Fatal(err)
	}
	if all, err := s.Consumers(); err != nil || len(all) != 0 {
		t.Fatalf("a refused ack made a consumer: %+v %v", all, err)
	}
	if err := s.Apply(t.Context(), SawConsumer("desk", 1, epoch)); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	apply(t, s, Ack("desk", a.ID, &a.SHA256), Ack("desk", a.ID, &a.SHA256), Ack("desk", b.ID, nil), Ack("phone", b.ID, nil))
	apply(t, s, Add(b, Live), SawConsumer("desk", 7, epoch.Add(time.Hour)))
	all, err := s.Consumers()
	want := []Consumer{{"desk", 7, 2, 0, epoch.Add(time.Hour)}, {"phone", 0, 1, 1, epoch}}
	if err != nil || !slices.Equal(all, want) {
		t.Fatalf("%+v %v", all, err)
	}
	apply(t, s, DropConsumer("desk"))
	if _, err := s.Acked("desk", a.ID); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	apply(t, s, Ack("desk", b.ID, nil), Forget(b.ID, "gone"))
	if all, _ = s.Consumers(); all[0].Acked != 0 || all[0].Lacks != 1 {
		t.Fatalf("one who comes back has what it had before, or what is gone: %+v", all)
	}
	sound(t, s)
}

func TestConsumersAreBounded(t *testing.T) {
	s, _ := open(t, t.TempDir())
	a := clip("front", 1)
	ops := []Op{Add(a, Live)}
	for n := range maxConsumers {
		ops = append(ops, Ack(fmt.Sprint(n), a.ID, nil))
	}
	apply(t, s, ops...)
	if err := s.Apply(t.Context(), Ack("more", a.ID, nil)); !errors.Is(err, ErrTooManyConsumers) {
		t.Fatal(err)
	}
}

func TestAnswers(t *testing.T) {
	now := epoch
	s, _, err := Open(t.Context(), Options{Dir: t.TempDir(), Now: func() time.Time { return now }, maxSize: 128 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	answered := func(transaction, want string) bool {
		t.Helper()
		answer, ok, err := s.Answer("push", transaction)
		if err != nil || ok && string(answer) != want {
			t.Fatalf("%q %v", answer, err)
		}
		return ok
	}
	apply(t, s, Answered("push", "first", []byte("ok")), Answered("push", "first", []byte("ok2")), Answered("pin", "other", nil))
	if !answered("first", "ok2") || answered("other", "") {
		t.Fatal("an answer is not kept, or given to another verb")
	}
	for n := range maxAnswers {
		apply(t, s, Answered("push", fmt.Sprint(n), []byte("x")))
	}
	if answered("first", "") || !answered("0", "x") {
		t.Fatal("not the last 1,000 answers are kept")
	}
	for n := range maxAnswerSize/maxAnswer + 1 {
		apply(t, s, Answered("list", fmt.Sprint(n), make([]byte, maxAnswer)))
	}
	if _, ok, _ := s.Answer("list", "0"); ok || answered("999", "") {
		t.Fatal("more than 8 MiB of answers are kept")
	}
	if err := s.Apply(t.Context(), Answered("list", "long", make([]byte, maxAnswer+1))); err == nil {
		t.Fatal("an answer that is too long was kept")
	}
	now = now.Add(answerLife)
	if _, ok, _ := s.Answer("list", "128"); ok {
		t.Fatal("an answer is kept for more than a day")
	}
	apply(t, s, Answered("push", "new", []byte("x")))
	if !answered("new", "x") {
		t.Fatal("the new answer was trimmed")
	}
	sound(t, s)
}

// TestOlderCatalogue opens a catalogue that has none of the later buckets.
func TestOlderCatalogue(t *testing.T) {
	dir := filled(t)
	db, err := bolt.Open(catalogue(dir), 0o600, &bolt.Options{PageSize: pageSize})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range sideBuckets {
			if err := tx.DeleteBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Delete(metaSide)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if err := Verify(catalogue(dir)); err != nil {
		t.Fatal(err)
	}
	s, opened := open(t, dir)
	if opened.Created {
		t.Fatalf("%+v", opened)
	}
	c := clip("front", 5000)
	apply(t, s, Add(c, Live), Enqueue(Push{ID: c.ID, Target: "nas"}), Ack("desk", c.ID, nil))
	sound(t, s)
}

// TestSideDamage checks that what was changed behind the catalogue's back is noticed.
func TestSideDamage(t *testing.T) {
	for name, change := range map[string]func(tx *bolt.Tx) error{
		"push gone":      func(tx *bolt.Tx) error { return dropFirst(tx.Bucket(bucketPushes)) },
		"due gone":       func(tx *bolt.Tx) error { return dropFirst(tx.Bucket(bucketDue)) },
		"ack gone":       func(tx *bolt.Tx) error { return dropFirst(tx.Bucket(bucketAcks)) },
		"answer gone":    func(tx *bolt.Tx) error { return dropFirst(tx.Bucket(bucketRequests)) },
		"push changed":   func(tx *bolt.Tx) error { return flipFirst(tx.Bucket(bucketPushes)) },
		"ack changed":    func(tx *bolt.Tx) error { return flipFirst(tx.Bucket(bucketAcks)) },
		"answer changed": func(tx *bolt.Tx) error { return flipFirst(tx.Bucket(bucketRequests)) },
		"consumer":       func(tx *bolt.Tx) error { return flipFirst(tx.Bucket(bucketConsumers)) },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, t.TempDir())
			c := clip("front", 1)
			apply(t, s, Add(c, Live), Enqueue(Push{ID: c.ID, Target: "nas"}), Ack("desk", c.ID, nil), Answered("push", "1", []byte("ok")))
			if err := s.db.Update(change); err != nil {
				t.Fatal(err)
			}
			if err := s.db.View(recountAll); !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
		})
	}
}

func dropFirst(b *bolt.Bucket) error {
	k, _ := b.Cursor().First()
	return b.Delete(slices.Clone(k))
}

func flipFirst(b *bolt.Bucket) error {
	k, v := b.Cursor().First()
	v = slices.Clone(v)
	v[len(v)/2] ^= 4
	return b.Put(slices.Clone(k), v)
}

func BenchmarkDuePush(b *testing.B) {
	s, _ := open(b, b.TempDir())
	for n := 0; n < 100_000; {
		var ops []Op
		for range 1000 {
			c := clip("front", n)
			ops = append(ops, See(c), Enqueue(Push{ID: c.ID, Target: fmt.Sprint("nas", n%10), Next: epoch.Add(time.Duration(n) * time.Second)}))
			n++
		}
		apply(b, s, ops...)
	}
	for b.Loop() {
		if _, _, ok, err := s.DuePush(epoch.Add(time.Hour)); !ok || err != nil {
			b.Fatal(err)
		}
	}
}
