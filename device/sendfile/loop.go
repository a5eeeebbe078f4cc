package sendfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// loop is one thread's worth of work: it waits for its epoll set and moves bytes for the socks that are its own.
//
// It does not block in epoll_wait(2). A goroutine that does keeps its P until the runtime's monitor takes that away, and
// wakes the monitor when it returns: measured, 40 µs of CPU and five system calls for each wakeup. The set is itself in
// the set of Go's poller instead, which is where an idle thread waits anyway.
type loop struct {
	eng    *Engine
	ep     int
	file   *os.File        // ep, known to Go's poller
	raw    syscall.RawConn // of file
	bell   int             // eventfd(2): somebody wants the loop to look around
	main   bool
	next   time.Duration // when main looks at deadlines again
	wakeAt time.Duration // the deadline that file has; 0 is none
	events [128]unix.EpollEvent
	peek   [16 << 10]byte
}

// bellEvent is what epoll says for the bell instead of a place in the table; listeners have the numbers below.
const bellEvent = -1

func listenerEvent(i int) int32 { return int32(-2 - i) }

func newLoop(e *Engine, i int) (*loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a loop: %w", os.NewSyscallError("epoll_create1", err))
	}
	l := &loop{eng: e, ep: ep, bell: -1, main: i == 0}
	if err := l.open(); err != nil {
		_ = l.file.Close()
		_ = unix.Close(l.bell)
		return nil, fmt.Errorf("make a loop: %w", err)
	}
	return l, nil
}

func (l *loop) open() (err error) {
	err = unix.SetNonblock(l.ep, true) // what os.NewFile wants to see of a descriptor for the poller
	l.file = os.NewFile(uintptr(l.ep), "epoll")
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	if l.raw, err = l.file.SyscallConn(); err != nil {
		return err
	}
	if l.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: bellEvent}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.ep, unix.EPOLL_CTL_ADD, l.bell, &ev))
}

func (l *loop) close() {
	_ = l.file.Close()
	_ = unix.Close(l.bell)
}

// wake makes the loop look around.
func (l *loop) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(l.bell, one[:]) // full means that it will wake anyway
}

func (l *loop) run() error {
	for {
		n, err := l.wait()
		if err != nil {
			return err
		}
		l.eng.stats.wakeups.Add(1)
		for i := range n {
			l.handle(&l.events[i])
		}
		if !l.lookAround() {
			return nil
		}
	}
}

// wait returns how many events there are, none if it is time to look around.
func (l *loop) wait() (n int, err error) {
	if err := l.setTimer(); err != nil {
		return 0, fmt.Errorf("wait for sockets: %w", err)
	}
	var failed error
	err = l.raw.Read(func(uintptr) bool {
		n, failed = epollNow(l.ep, l.events[:])
		return n > 0 || failed != nil && failed != unix.EINTR
	})
	switch {
	case failed != nil && failed != unix.EINTR:
		return 0, os.NewSyscallError("epoll_wait", failed)
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.wakeAt = -1 // the one it has is over, and must be replaced before the next Read
		return 0, nil
	}
	return max(n, 0), err
}

// setTimer makes wait end when the next thing is due.
func (l *loop) setTimer() error {
	due := l.due()
	if due == l.wakeAt {
		return nil
	}
	l.wakeAt = due
	if due == 0 {
		return l.file.SetReadDeadline(time.Time{})
	}
	return l.file.SetReadDeadline(l.eng.start.Add(due))
}

func (l *loop) handle(ev *unix.EpollEvent) {
	switch {
	case ev.Fd == bellEvent:
		return // edge triggered: nothing to read
	case ev.Fd < bellEvent:
		l.eng.listener(ev.Fd).accept()
		return
	}
	switch s, st := l.eng.lookup(ev); st {
	case parked:
		l.readable(s)
	case sending:
		l.move(s)
	case lingering:
		l.linger(s)
	}
}

// due is when there is something to look at without an event, 0 for never.
func (l *loop) due() time.Duration {
	if !l.main {
		return 0
	}
	l.eng.mu.Lock()
	defer l.eng.mu.Unlock()
	if until, some := l.eng.held.next(); some {
		return min(l.next, until)
	}
	if l.eng.table.n == 0 {
		return 0
	}
	return l.next
}

// lookAround does what is due and says whether the loop goes on.
func (l *loop) lookAround() bool {
	if l.main {
		now := l.eng.now()
		l.eng.letGo(now)
		if now >= l.next {
			l.next = now + l.eng.cfg.tick()
			l.eng.sweep(now)
		}
	}
	l.eng.mu.Lock()
	defer l.eng.mu.Unlock()
	return !l.eng.stopped
}

func (e *Engine) listener(event int32) *Listener {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.listeners[-2-event]
}
