package device

import (
	"io"
	"sync"
)

// tailSize is how much of the log is kept for people who cannot read the system's.
const tailSize = 64 << 10

// Tail keeps the last lines written to it, in bounded memory. Safe for concurrent use.
type Tail struct {
	mu   sync.Mutex
	ring []byte // the oldest byte is at next once the ring is full
	next int
}

// Write never fails.
func (t *Tail) Write(line []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	written := len(line)
	line = line[max(0, len(line)-tailSize):]
	if room := tailSize - len(t.ring); room > 0 {
		n := min(room, len(line))
		t.ring, line = append(t.ring, line[:n]...), line[n:]
	}
	for len(line) > 0 {
		n := copy(t.ring[t.next:], line)
		t.next, line = (t.next+n)%tailSize, line[n:]
	}
	return written, nil
}

// WriteTo writes what is kept, from the beginning of a line.
func (t *Tail) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(t.text())
	return int64(n), err
}

// text is a copy: nobody waits for a slow reader.
func (t *Tail) text() []byte {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	text := append(append([]byte{}, t.ring[t.next:]...), t.ring[:t.next]...)
	if len(t.ring) < tailSize {
		return text
	}
	for i, b := range text {
		if b == '\n' {
			return text[i+1:]
		}
	}
	return text
}
