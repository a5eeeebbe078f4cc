package browser

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestArrival: a new clip shows up in an open page without anybody doing anything.
func TestArrival(t *testing.T) {
	b := newBox(t)
	tab := b.newTab()
	tab.signIn("viewer")
	now := time.Now()
	for _, name := range []string{"front/a.mp4", "front/b.mp4"} {
		now = now.Add(time.Second)
		b.record(name, now)
		c := b.newest(name)
		tab.wait(`document.querySelector(".card").dataset.id === ` + quote(c.ID))
	}
}

// newest waits until the newest clip is the one at path.
func (b *box) newest(path string) clip {
	b.t.Helper()
	for deadline := time.Now().Add(*patience); ; {
		if clips := b.clips(); len(clips) > 0 && clips[0].Path == path {
			return clips[0]
		} else if time.Now().After(deadline) {
			b.t.Fatalf("%s is not listed first: %v", path, clips)
		}
	}
}

// shows waits until there is one card of the clip at path, and no second one.
func (t *tab) shows(c clip) {
	t.t.Helper()
	t.wait(`document.querySelectorAll(".card[data-id=" + CSS.escape(` + quote(c.ID) + `) + "]").length === 1`)
}

// TestArrivalFromThePast: what just came is shown as such, however old it is.
func TestArrivalFromThePast(t *testing.T) {
	b := newBox(t, "front/new.mp4")
	tab := b.newTab()
	tab.signIn("viewer")
	b.record("front/old.mp4", time.Now().AddDate(-3, 0, 0))
	old := b.listed(2)[1]
	tab.shows(old)
	tab.wait(`document.querySelector(".arrived .card").dataset.id === ` + quote(old.ID))
}

// TestOfflineAndBack: a page says that the box is away, goes on when it is back, and has missed nothing.
func TestOfflineAndBack(t *testing.T) {
	b := newBox(t, "front/0.mp4")
	tab := b.newTab()
	tab.allow("net::ERR_")
	tab.signIn("viewer")
	b.stop()
	tab.wait(`document.querySelector("[role=alert]")?.textContent.includes("cannot be reached")`)
	for i := range 3 {
		b.record(fmt.Sprintf("front/%d.mp4", i+1), time.Now().Add(time.Duration(i)*time.Second))
	}
	b.start()
	for _, c := range b.listed(4) {
		tab.shows(c)
	}
	tab.wait(`!document.querySelector("[role=alert]")`)
}

// TestStreamResumes: whatever happens to its connection, a page shows every clip, each once.
func TestStreamResumes(t *testing.T) {
	b := newBox(t, "front/first.mp4")
	line := newLine(t, b.addr)
	tab := b.newTab()
	tab.base = line.url
	tab.allow("net::ERR_")
	tab.allow("Failed to fetch")
	tab.signIn("viewer")
	for i := range 5 {
		line.cut()
		b.record(fmt.Sprintf("front/%d.mp4", i), time.Now().Add(time.Duration(i)*time.Second))
		b.listed(i + 2)
		line.mend()
		b.newest(fmt.Sprintf("front/%d.mp4", i))
		for _, c := range b.clips() {
			tab.shows(c)
		}
	}
}

// line is a way to a box that can be cut.
type line struct {
	url   string
	mu    sync.Mutex
	isCut bool
	conns map[net.Conn]bool
}

func newLine(t *testing.T, to string) *line {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{url: "http://" + ln.Addr().String(), conns: map[net.Conn]bool{}}
	t.Cleanup(func() { ln.Close(); l.cut() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go l.carry(conn, to)
		}
	}()
	return l
}

func (l *line) carry(conn net.Conn, to string) {
	defer conn.Close()
	on, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer on.Close()
	if !l.hold(conn) {
		return
	}
	go func() {
		io.Copy(on, conn)
		on.Close()
	}()
	io.Copy(conn, on)
}

// hold keeps conn to be cut; false if it is cut already.
func (l *line) hold(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[conn] = true
	return !l.isCut
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for conn := range l.conns {
		conn.Close()
	}
	clear(l.conns)
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = false
}

// TestOneStream: all tabs of a browser share one event stream, also when the tab that came first is closed.
func TestOneStream(t *testing.T) {
	b := newBox(t, "front/0.mp4")
	first := b.newTab()
	first.signIn("viewer")
	tabs := []*tab{first}
	for range 6 { // a seventh connection is more than a browser opens
		other := first.beside()
		other.open("/")
		tabs = append(tabs, other)
	}
	for i := range 2 {
		b.record(fmt.Sprintf("front/%d.mp4", i+1), time.Now().Add(time.Duration(i)*time.Second))
		c := b.newest(fmt.Sprintf("front/%d.mp4", i+1))
		for _, tab := range tabs {
			tab.shows(c)
		}
		if got := b.metric("clipd_event_streams"); got != 1 {
			t.Errorf("%d tabs have %d event streams", len(tabs), got)
		}
		tabs[1].close()
		tabs = append(tabs[:1], tabs[2:]...)
	}
}

// metric is a number of /metrics.
func (b *box) metric(name string) int {
	b.t.Helper()
	text := b.read("/metrics")
	_, after, _ := strings.Cut(text, "\n"+name+" ")
	line, _, _ := strings.Cut(after, "\n")
	n, err := strconv.Atoi(line)
	if err != nil {
		b.t.Fatalf("no %s in %q", name, text)
	}
	return n
}
