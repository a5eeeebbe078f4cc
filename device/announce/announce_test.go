package announce

import (
	"encoding/json"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/store"
)

func event(t *testing.T, g got) api.Event {
	t.Helper()
	var e api.Event
	d := json.NewDecoder(strings.NewReader(g.payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		t.Fatalf("%v: %v", g, err)
	}
	return e
}

func TestBrokerAwayAndBack(t *testing.T) {
	m := newMosquitto(t)
	s := catalogue(t)
	p := newTap(t, m.addr)
	a := hurry(New(config(s, p.url())))
	start(t, a)
	before := heap()
	last := add(t, s, "front", 0, 3000)
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("3,000 rows that cannot be told take %d bytes of heap", grown)
	}
	if connected, lag, text := a.Status(); connected || lag == 0 || text == "" {
		t.Errorf("status without a broker: connected %v, lag %d, last error %q", connected, lag, text)
	}
	m.start()
	eventually(t, s, "the cursor at the end of the journal", func() bool { return cursorOf(t, s) == last })
	p.mu.Lock()
	if len(p.first) != 3000 || !slices.IsSorted(p.first) {
		t.Errorf("%d rows told, in order: %v", len(p.first), slices.IsSorted(p.first))
	}
	p.mu.Unlock()
	if connected, lag, text := a.Status(); !connected || lag != 0 || text != "" {
		t.Errorf("status: connected %v, lag %d, last error %q", connected, lag, text)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// drained yields what is in ch now.
func drained(ch <-chan got) func(func(got) bool) {
	return func(yield func(got) bool) {
		for {
			select {
			case g := <-ch:
				if !yield(g) {
					return
				}
			default:
				return
			}
		}
	}
}

// TestBrokerRestarts kills and stops the real broker at random while 2,000 clips are announced: none is lost, the order
// of first deliveries is that of the journal, and the cursor is never ahead of the acknowledgements.
func TestBrokerRestarts(t *testing.T) {
	for _, persistence := range []string{"false", "true"} {
		t.Run("persistence "+persistence, func(t *testing.T) {
			m := newMosquitto(t, "allow_anonymous true", "persistence "+persistence, "persistence_location "+t.TempDir()+"/").start()
			s := catalogue(t)
			p := newTap(t, m.addr)
			start(t, hurry(New(config(s, p.url()))))
			added := make(chan uint64, 1)
			go func() { added <- add(t, s, "front", 0, 2000) }()
			for range 20 {
				target := p.told() + rand.Uint64N(100)
				eventually(t, s, "some more acknowledgements", func() bool {
					return p.told() >= min(target, 1900) && !ahead(t, s, p.ledger)
				})
				m.stop([]syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[rand.N(2)])
				m.start()
			}
			last := <-added
			eventually(t, s, "the cursor at the end of the journal", func() bool { return !ahead(t, s, p.ledger) && cursorOf(t, s) == last })
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.acked) != 2000 {
				t.Errorf("%d rows acknowledged, want 2000", len(p.acked))
			}
			if !slices.IsSorted(p.first) {
				t.Error("first deliveries are not in the order of the journal")
			}
			sent := 0
			for _, n := range p.seen {
				sent += n
			}
			t.Logf("%d rows in %d messages", len(p.first), sent)
		})
	}
}

// ahead reports, as an error, a cursor that has passed a row without PUBACK.
func ahead(t *testing.T, s *store.Store, p *ledger) bool {
	t.Helper()
	seq := cursorOf(t, s)
	if told := p.told(); seq > told {
		t.Fatalf("the cursor is at %d, but the broker has acknowledged only up to %d", seq, told)
	}
	return false
}

func TestRestartRepeatsNothing(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	ch := subscribe(t, m.url(), "clipd/+/event")
	stop := start(t, hurry(New(config(s, m.url()))))
	last := add(t, s, "front", 0, 50)
	eventually(t, s, "the cursor at the end", func() bool { return cursorOf(t, s) == last })
	stop()
	for range drained(ch) {
	}
	start(t, hurry(New(config(s, m.url()))))
	last = add(t, s, "front", 50, 1)
	if e := event(t, next(t, ch, "/event")); e.Seq != last {
		t.Errorf("seq %d after a restart, want %d", e.Seq, last)
	}
}

func TestAnnouncementIsPrompt(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	ch := subscribe(t, m.url(), "clipd/+/event")
	start(t, hurry(New(config(s, m.url()))))
	var took []time.Duration
	for i := range 200 {
		began := time.Now()
		add(t, s, "front", i, 1)
		next(t, ch, "/event")
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("commit and message: median %v, 99 %% %v", took[100], took[197])
	if took[100] > time.Second {
		t.Errorf("median %v: something waits on the path", took[100])
	}
}
