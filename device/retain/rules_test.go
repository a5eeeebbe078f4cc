package retain

import (
	"context"
	"strings"
	"testing"
	"time"

	"clipd/store"
)

const mb = 1 << 20

// With nothing set nothing is deleted.
func TestNothingSet(t *testing.T) {
	b := newBox(t, Rules{LastResort: true})
	clips := b.many("front", 10, mb, noon.AddDate(-3, 0, 0))
	b.run()
	if n := b.left(clips); n != 10 {
		t.Errorf("%d clips are left", n)
	}
}

func TestAge(t *testing.T) {
	b := newBox(t, Rules{Age: 5 * time.Hour})
	clips := b.many("front", 10, mb, noon)
	b.run()
	for i, c := range clips {
		if want := i >= 4; b.has(c) != want {
			t.Errorf("clip %d, of %v: there is %v", i, c.Start, !want)
		}
	}
	if len(b.reasons) != 4 || b.reasons[0] != "older than 5h0m0s, keep.age" {
		t.Errorf("reasons: %q", b.reasons)
	}
	b.pass(time.Hour)
	b.run()
	if n := b.left(clips); n != 5 {
		t.Errorf("an hour later %d clips are left", n)
	}
}

// The oldest go until there is a tenth of room, and not more.
func TestSize(t *testing.T) {
	b := newBox(t, Rules{Size: 50 * mb})
	clips := b.many("front", 51, mb, noon)
	b.run()
	if n := b.left(clips); n != 45 || b.has(clips[5]) || !b.has(clips[6]) {
		t.Errorf("%d clips are left", n)
	}
	b.add("front/more.mp4", 5*mb, noon)
	b.run()
	if n := b.left(clips); n != 45 {
		t.Errorf("within the size, %d clips are left", n)
	}
}

func TestFree(t *testing.T) {
	for name, rules := range map[string]Rules{"bytes": {Free: 20 * mb}, "percent": {FreePercent: 20}} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, rules)
			b.disk = 100 * mb
			b.restart(rules)
			clips := b.many("front", 80, mb, noon)
			b.run()
			if n := b.left(clips); n != 80 {
				t.Fatalf("at the floor %d clips are left", n)
			}
			clips = append(clips, b.add("front/more.mp4", mb, noon))
			b.run()
			if n := b.left(clips); n != 78 || b.has(clips[2]) || !strings.HasPrefix(b.reasons[0], "free space is under") {
				t.Errorf("%d clips are left, %q", n, b.reasons)
			}
		})
	}
}

// Classes by path and by camera have ages and quotas of their own; the first that fits counts.
func TestClasses(t *testing.T) {
	b := newBox(t, Rules{Age: 20 * time.Hour, Classes: []Class{
		{Name: "drive", Match: func(p string) bool { return strings.HasPrefix(p, "drive/") }, Age: 3 * time.Hour},
		{Name: "yard", Camera: "yard", Size: 10 * mb},
	}})
	drive, yard, front := b.many("drive", 10, mb, noon), b.many("yard", 15, mb, noon), b.many("front", 30, mb, noon)
	b.run()
	if d, y, f := b.left(drive), b.left(yard), b.left(front); d != 4 || y != 9 || f != 21 {
		t.Errorf("%d, %d and %d clips are left", d, y, f)
	}
	if !b.has(yard[14]) || b.has(yard[5]) || !b.has(yard[6]) {
		t.Error("the quota did not take the oldest")
	}
	b.add("yard/new.mp4", 2*mb, noon)
	b.run()
	if y := b.left(yard); y != 7 {
		t.Errorf("%d clips are left of the class with a quota", y)
	}
}

// Pins survive every rule, and a pin set after a clip was chosen too.
func TestPins(t *testing.T) {
	b := newBox(t, Rules{Age: time.Hour, Size: mb, LastResort: true})
	clips := b.many("front", 10, mb, noon.Add(-48*time.Hour))
	b.must(b.store.Apply(t.Context(), store.Pin(clips[3].ID, true)))
	late := clips[7]
	b.restart(b.r.Rules, func(c *Config) {
		expire := c.Expire
		c.Expire = func(ctx context.Context, doomed []Doomed) (int, error) {
			b.must(b.store.Apply(ctx, store.Pin(late.ID, true)))
			n := 0
			for _, d := range doomed {
				gone, err := expire(ctx, []Doomed{d})
				if err != nil && d.ID != late.ID {
					t.Error(err)
				}
				n += gone
			}
			return n, nil
		}
	})
	b.run()
	if n := b.left(clips); n != 2 || !b.has(clips[3]) || !b.has(late) {
		t.Errorf("%d clips are left", n)
	}
}

// Classes may share a camera: each goes by its own age, whichever is shorter.
func TestClassesOfOneCamera(t *testing.T) {
	for name, ages := range map[string][2]time.Duration{"shorter": {5 * time.Hour, 10 * time.Hour}, "longer": {10 * time.Hour, 5 * time.Hour}} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, Rules{Age: ages[1], Classes: []Class{
				{Name: "motion", Match: func(p string) bool { return strings.Contains(p, "motion") }, Age: ages[0]},
			}})
			var motion, other []store.Clip
			for i := range 20 {
				at := noon.Add(-time.Duration(i) * time.Hour)
				motion = append(motion, b.add("front/motion-"+string(rune('a'+i))+".mp4", 1, at))
				other = append(other, b.add("front/"+string(rune('a'+i))+".mp4", 1, at))
			}
			b.run()
			if m, o := b.left(motion), b.left(other); m != int(ages[0].Hours())+1 || o != int(ages[1].Hours())+1 {
				t.Errorf("%d and %d clips are left", m, o)
			}
		})
	}
}
