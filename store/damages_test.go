package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	damageSeeds = 300 // of each kind
	maxStarts   = 3   // until one works, or it is a crash loop
)

// damageTime is for all of them; what does not fit is said, and make soak gives more.
var damageTime = flag.Duration("damages", 40*time.Second, "go through damaged catalogues for so `long`")

// A damager spoils the bytes of a catalogue; old is the same one some transactions earlier.
type damager struct {
	name  string
	spoil func(b, old []byte, r *rand.Rand) []byte
}

// anyPage is where one of the pages in use begins.
func anyPage(b []byte, r *rand.Rand) int {
	h, err := newestMeta(bytes.NewReader(b))
	if err != nil {
		return 0
	}
	return r.IntN(min(int(h.pages), len(b)/pageSize)) * pageSize
}

var damagers = []damager{
	{"bit turned", func(b, _ []byte, r *rand.Rand) []byte {
		b[anyPage(b, r)+r.IntN(pageSize)] ^= 1 << r.IntN(8)
		return b
	}},
	{"sector of zeros", func(b, _ []byte, r *rand.Rand) []byte {
		clear(b[anyPage(b, r)+r.IntN(8)*512:][:512])
		return b
	}},
	{"page of noise", func(b, _ []byte, r *rand.Rand) []byte {
		for i, at := 0, anyPage(b, r); i < pageSize; i++ {
			b[at+i] = byte(r.Uint32())
		}
		return b
	}},
	{"page in another's place", func(b, _ []byte, r *rand.Rand) []byte {
		copy(b[anyPage(b, r):][:pageSize], bytes.Clone(b[anyPage(b, r):][:pageSize]))
		return b
	}},
	{"write that never came", func(b, old []byte, r *rand.Rand) []byte {
		for range 100 {
			at := anyPage(b, r)
			if at+pageSize <= len(old) && !bytes.Equal(b[at:at+pageSize], old[at:at+pageSize]) {
				copy(b[at:], old[at:at+pageSize])
				break
			}
		}
		return b
	}},
	{"cut off", func(b, _ []byte, r *rand.Rand) []byte { return b[:r.IntN(len(b))] }},
	{"torn meta", func(b, _ []byte, r *rand.Rand) []byte {
		at := newestMetaAt(b) + r.IntN(pageHeader+metaSize)
		clear(b[at:][:1+r.IntN(40)])
		return b
	}},
}

// aged makes a catalogue, and returns it as it was twice.
func aged(t *testing.T) (dir string, old, whole []byte) {
	t.Helper()
	dir = filled(t)
	var err error
	if old, err = os.ReadFile(catalogue(dir)); err != nil {
		t.Fatal(err)
	}
	s, _ := open(t, dir)
	for n := range 20 {
		apply(t, s, Forget(clip("front", n*2).ID, "test"), Attach(clip("back", n*2+1).ID, []string{"a.jpg"}, "a.jpg"))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if whole, err = os.ReadFile(catalogue(dir)); err != nil {
		t.Fatal(err)
	}
	return dir, old, whole
}

// TestDamages damages a catalogue in every way and starts on it, as the daemon does, again when it dies of it: within a few
// starts it works, nothing that is read is wrong, and after a scan every clip and every pin is what it was.
func TestDamages(t *testing.T) {
	dir, old, whole := aged(t)
	work, err := os.MkdirTemp(memory(), "store-damages")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(work)
	pins, err := os.ReadFile(filepath.Join(dir, pinsFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"whole": whole, "old": old, "pins": pins} {
		if err := os.WriteFile(filepath.Join(work, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if testing.Short() {
		*damageTime = 5 * time.Second
	}
	d := damages{t: t, work: work, until: time.Now().Add(*damageTime)}
	last := d.goThrough(damageSeeds * len(damagers))
	t.Logf("%d of %d damaged catalogues: %d were set aside, %d processes died of one", last, damageSeeds*len(damagers), d.aside, d.died)
	if d.aside == 0 || last < len(damagers) {
		t.Error("no damage was met: this test tests nothing")
	}
}

// damages is what the children that start on damaged catalogues have said.
type damages struct {
	t           *testing.T
	work        string
	until       time.Time
	aside, died int
}

// goThrough tries catalogues 0 to n, in children that each try many, and returns how many were tried.
func (d *damages) goThrough(n int) int {
	starts := 1
	for at := 0; at < n; {
		if time.Now().After(d.until) {
			return at
		}
		next, died := d.batch(at, min(at+100, n), starts)
		switch {
		case !died:
			starts = 1
		case next == at:
			starts++
			d.died++
		default:
			starts = 2
			d.died++
		}
		if starts > maxStarts {
			d.t.Fatalf("catalogue %d (%s): still no start after %d", next, damagers[next%len(damagers)].name, starts-1)
		}
		at = next
	}
	return n
}

// batch runs one child from at to end and returns the first that it did not finish.
func (d *damages) batch(at, end, starts int) (next int, died bool) {
	cmd := child(d.t, "damage", d.work, strconv.Itoa(at), strconv.Itoa(end), strconv.Itoa(starts))
	out, err := cmd.Output()
	next = at
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		what, rest, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "wrong":
			d.t.Errorf("catalogue %d (%s): %s", next, damagers[next%len(damagers)].name, rest)
		case "aside":
			d.aside++
		case "done":
			next++
		}
	}
	return next, err != nil
}

// damaging is the child's work: starts on damaged catalogues, one after the other.
func damaging(args []string) error {
	work := args[0]
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(args[1+i])
	}
	var file [3][]byte
	for i, name := range []string{"whole", "old", "pins"} {
		var err error
		if file[i], err = os.ReadFile(filepath.Join(work, name)); err != nil {
			return err
		}
	}
	want, err := wanted(filepath.Join(work, "sound"), file[0], file[2])
	if err != nil {
		return err
	}
	was, err := wanted(filepath.Join(work, "sound"), file[1], file[2])
	if err != nil {
		return err
	}
	dir := filepath.Join(work, "state")
	for at, starts := n[0], n[2]; at < n[1]; at, starts = at+1, 1 {
		if starts == 1 {
			if err := spoilt(dir, at, file[0], file[1], file[2]); err != nil {
				return err
			}
		}
		if err := startUntilItWorks(dir, was, want, starts); err != nil {
			return fmt.Errorf("catalogue %d: %w", at, err)
		}
		fmt.Println("done")
	}
	return nil
}

// wanted reads the sound catalogue: what each clip is, as a checksum.
func wanted(dir string, whole, pins []byte) (map[ID]uint32, error) {
	if err := lay(dir, whole, pins); err != nil {
		return nil, err
	}
	s, _, err := Open(context.Background(), Options{Dir: dir, maxSize: 64 << 20})
	if err != nil {
		return nil, err
	}
	want := map[ID]uint32{}
	err = everything(s, func(c Clip) { want[c.ID] = sumOf(c) })
	return want, errors.Join(err, s.Close())
}

func sumOf(c Clip) uint32 { return crc32.ChecksumIEEE(fmt.Appendf(nil, "%+v", c)) }

// lay puts a catalogue and pins into a new state folder.
func lay(dir string, catalogue, pins []byte) error {
	return errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700),
		os.WriteFile(filepath.Join(dir, fileName), catalogue, 0o600), os.WriteFile(filepath.Join(dir, stoppedName), nil, 0o600), os.WriteFile(filepath.Join(dir, pinsFile), pins, 0o600))
}

// spoilt lays the catalogue number at; after every fourth the stop was unclean.
func spoilt(dir string, at int, whole, old, pins []byte) error {
	r := rand.New(rand.NewPCG(uint64(at), 9))
	b := damagers[at%len(damagers)].spoil(bytes.Clone(whole), old, r)
	if err := lay(dir, b, pins); err != nil || at/len(damagers)%4 != 0 {
		return err
	}
	return os.WriteFile(filepath.Join(dir, runningName), nil, 0o600)
}

// startUntilItWorks does what a box does: open, read, scan; and starts over when the writer says so.
func startUntilItWorks(dir string, was, want map[ID]uint32, starts int) error {
	for ; starts <= maxStarts; starts++ {
		s, opened, err := Open(context.Background(), Options{Dir: dir, Verify: VerifyInChild, maxSize: 64 << 20})
		if err != nil {
			return err
		}
		if opened.SetAside != "" {
			fmt.Println("aside")
		}
		err = lived(s, was, want, opened.Created)
		s.Close()
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrClosed) {
			fmt.Println("wrong", err)
			return nil
		}
	}
	return errors.New("a crash loop")
}

// lived is one life on a catalogue. A torn meta page gives back what was, a transaction earlier. An error that is
// ErrDamaged ends the process, as it does the daemon.
func lived(s *Store, was, want map[ID]uint32, anew bool) error {
	err := everything(s, func(c Clip) {
		_, known := want[c.ID]
		if sum := sumOf(c); sum != want[c.ID] && sum != was[c.ID] && !(known && anew) {
			fmt.Printf("wrong read %+v, which nobody wrote\n", c)
		}
	})
	if err != nil {
		return err
	}
	for n := range 400 {
		c := clip([]string{"front", "back"}[n%2], n)
		if _, known := want[c.ID]; !known {
			continue
		}
		if err := s.Apply(context.Background(), See(c), Add(c, Scan)); err != nil {
			return err
		}
		got, _, err := s.Clip(c.ID)
		if err != nil {
			return fmt.Errorf("%w: clip %s after the scan: %w", ErrDamaged, c.ID, err)
		}
		if pinned := n%10 == 1; got.Pinned != pinned || got.Path != c.Path || got.SHA256 != c.SHA256 {
			return fmt.Errorf("after the scan clip %d is %+v", n, got)
		}
	}
	return s.whyFailed()
}

// everything reads whatever can be read, page by page.
func everything(s *Store, each func(Clip)) error {
	for q := (Query{Limit: 50}); ; {
		page, err := s.List(q)
		if err != nil {
			return err
		}
		for _, c := range page.Clips {
			each(c)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	for after := ""; ; {
		page, err := s.PathsFrom(after, 50)
		if err != nil || len(page) == 0 {
			if err == nil {
				break
			}
			return err
		}
		after = page[len(page)-1].Path
	}
	for after := uint64(0); ; {
		page, _, err := s.Events(after, 50)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].Seq
	}
}
