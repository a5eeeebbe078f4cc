package push

import (
	"testing"
	"time"

	"clipd/store"
)

// TestRests: one clip that is answered badly again and again rests nobody; two do, for at most badRest; who cannot be
// reached rests from the first time on, longer each time.
func TestRests(t *testing.T) {
	l := lanes{rests: map[string]*rest{}}
	for range 10 {
		l.bad("nas", store.ID{1}, &usual)
	}
	if names, _ := l.resting(); len(names) != 0 {
		t.Fatalf("%q rest because of one clip", names)
	}
	for n := range 20 {
		l.bad("nas", store.ID{byte(n)}, &usual)
	}
	if names, left := l.resting(); len(names) != 1 || left > usual.badRest || left < usual.badRest/2 {
		t.Fatalf("%q rest for %v", names, left)
	}
	l.try("nas")
	if names, _ := l.resting(); len(names) != 0 {
		t.Fatalf("%q rest although somebody asked", names)
	}
	if l.good("nas") {
		t.Fatal("it was no stated problem")
	}
	if _, first := l.away("nas", &usual); !first {
		t.Fatal("it is no news that nas is away")
	}
	if _, first := l.away("nas", &usual); first || !l.good("nas") {
		t.Fatal("it is told twice, or never taken back")
	}
}

func TestWaits(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 10: 512 * time.Second, 11: 10 * time.Minute, 1000: 10 * time.Minute} {
		for range 100 {
			if d := usual.wait(n); d < want*3/4 || d > want*5/4 {
				t.Fatalf("%v after failure %d, not about %v", d, n, want)
			}
		}
	}
}
