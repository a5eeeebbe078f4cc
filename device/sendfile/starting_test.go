package sendfile

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestAFewStartAtATime offers five connections at once; a slot is no reason to begin with all.
func TestAFewStartAtATime(t *testing.T) {
	e := &Engine{cfg: Config{Starting: 2, Slots: 10}.withDefaults(), slots: 10, lent: map[*Conn]struct{}{}}
	ln := &Listener{lendTo: make(chan *sock, 10), closed: make(chan struct{})}
	for range 5 {
		e.offerLocked(&sock{ln: ln, state: away})
	}
	want := func(when string, lent, waits int) {
		t.Helper()
		if len(ln.lendTo) != lent || len(e.waiting) != waits {
			t.Fatalf("%s: %d were lent and %d wait, want %d and %d", when, len(ln.lendTo), len(e.waiting), lent, waits)
		}
	}
	want("offered", 2, 3)
	first, second := <-ln.lendTo, <-ln.lendTo
	e.answered(first)
	e.answered(first)
	want("one answered", 1, 2)
	e.lent[&Conn{s: second}] = struct{}{}
	e.sweep(second.since + startingFor)
	want("not yet long", 1, 2)
	e.sweep(second.since + startingFor + 1)
	want("one lasts", 2, 1)
	e.freeSlotLocked(<-ln.lendTo)
	want("one came back", 2, 0)
	if e.starting != 2 || e.slots != 10-4 {
		t.Errorf("%d are starting and %d slots are left, want 2 and 6", e.starting, e.slots)
	}
}

// TestIdleConnectionsAreParkedEarly keeps more of them than net/http is left, and asks on all of them again.
func TestIdleConnectionsAreParkedEarly(t *testing.T) {
	path, want := random(t, 1000)
	r := start(t, Config{Slots: 128, Grace: time.Hour}, routes(t, path, nil))
	const n = 100
	var conns [n]net.Conn
	var answers [n]*bufio.Reader
	for i := range conns {
		conns[i] = dial(t, r.addr)
		answers[i] = bufio.NewReader(conns[i])
	}
	for range 2 {
		for i, c := range conns {
			io.WriteString(c, getClip)
			if got, err := readAnswer(answers[i], http.MethodGet); err != nil || !bytes.Equal(got.body, want) {
				t.Fatalf("client %d: %v, %d bytes, want %d", i, err, len(got.body), len(want))
			}
		}
		until(t, r.Engine, "most are parked", func(st Stats) bool { return st.Parked >= n/2 && st.Parked+st.Lent == n })
	}
}
