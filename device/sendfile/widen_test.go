package sendfile

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestWiden gives what it has to sockets of fast clients only, and gets it back.
func TestWiden(t *testing.T) {
	e := &Engine{cfg: Config{}.withDefaults()}
	client := func(moved int64, took time.Duration) *sock {
		t.Helper()
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		s := &sock{fd: fd, job: &transfer{}, state: sending}
		s.job.moved.Store(moved)
		e.table.add(s)
		e.widen(s, took)
		return s
	}
	for _, slow := range []*sock{client(wideRate-1, time.Millisecond), client(10*wideRate, 11*time.Second)} {
		if slow.wide {
			t.Errorf("a client that took %d bytes is fast", slow.job.moved.Load())
		}
		e.closeLocked(slow)
	}
	var fast []*sock
	for range mostWide + 1 {
		fast = append(fast, client(10*wideRate, 9*time.Second))
	}
	if got, err := unix.GetsockoptInt(fast[0].fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT); err != nil || got != wideUnsent {
		t.Errorf("TCP_NOTSENT_LOWAT is %d (%v), want %d", got, err, wideUnsent)
	}
	if !fast[mostWide-1].wide || fast[mostWide].wide {
		t.Errorf("of %d fast clients the last is wide: %t, the one before: %t", len(fast), fast[mostWide].wide, fast[mostWide-1].wide)
	}
	for _, s := range fast {
		e.closeLocked(s)
	}
	if e.wide != 0 {
		t.Errorf("%d are left when all are closed", e.wide)
	}
}
