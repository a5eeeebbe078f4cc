package announce

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// diary is a log that a test can read.
type diary struct {
	mu    sync.Mutex
	lines []string
	news  chan struct{} // holds one
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if strings.Contains(string(p), "msg=announced") {
		d.lines = append(d.lines, string(p))
		select {
		case d.news <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.lines...)
}

func TestWhatWasAnnouncedIsInTheLog(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	c := config(s, m.url())
	d := &diary{news: make(chan struct{}, 1)}
	c.Log = slog.New(slog.NewTextHandler(d, nil))
	start(t, hurry(New(c)))
	add(t, s, "front", 0, 1)
	<-d.news
	lines := d.read()
	if len(lines) != 1 || !strings.Contains(lines[0], "path=front/000000.mp4") || !strings.Contains(lines[0], "url=http://192.0.2.7:8470/clips/") ||
		strings.Contains(lines[0], "sig=") || strings.Contains(lines[0], "exp=") {
		t.Errorf("%q", lines)
	}
}

func TestABacklogIsOneLine(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	c := config(s, m.url())
	d := &diary{news: make(chan struct{}, 1)}
	c.Log = slog.New(slog.NewTextHandler(d, nil))
	add(t, s, "front", 1, 1000)
	start(t, hurry(New(c)))
	var lines []string
	for len(lines) < 2 {
		<-d.news
		lines = d.read()
	}
	if len(lines) != 2 || !strings.Contains(lines[0], "events=999") || !strings.Contains(lines[1], "001000.mp4") {
		t.Errorf("%q", lines)
	}
}
