package sendfile

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// loop is one thread's worth of work: it waits in epoll_wait(2) and moves bytes for the socks that are its own.
type loop struct {
	eng  *Engine
	ep   int
	bell int // eventfd(2): somebody wants the loop to look around
	main bool
	next time.Duration // when main looks at deadlines again
	peek [16 << 10]byte
}

// bellEvent is what epoll says for the bell instead of a place in the table; listeners have the numbers below.
const bellEvent = -1

func listenerEvent(i int) int32 { return int32(-2 - i) }

func newLoop(e *Engine, i int) (*loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a loop: %w", os.NewSyscallError("epoll_create1", err))
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(ep)
		return nil, fmt.Errorf("make a loop: %w", os.NewSyscallError("eventfd", err))
	}
	l := &loop{eng: e, ep: ep, bell: bell, main: i == 0}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: bellEvent}
	if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, bell, &ev); err != nil {
		l.close()
		return nil, fmt.Errorf("make a loop: %w", os.NewSyscallError("epoll_ctl", err))
	}
	return l, nil
}

func (l *loop) close() {
	_ = unix.Close(l.ep)
	_ = unix.Close(l.bell)
}

// wake makes the loop look around.
func (l *loop) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(l.bell, one[:]) // full means that it will wake anyway
}

func (l *loop) run() error {
	defer l.closeAll()
	events := make([]unix.EpollEvent, 128)
	for {
		n, err := unix.EpollWait(l.ep, events, l.timeout())
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		l.eng.stats.wakeups.Add(1)
		for i := range max(n, 0) {
			l.handle(&events[i])
		}
		if !l.lookAround() {
			return nil
		}
	}
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

// timeout is what epoll_wait takes: milliseconds, or -1 while there is nothing that could become late.
func (l *loop) timeout() int {
	if !l.main {
		return -1
	}
	l.eng.mu.Lock()
	defer l.eng.mu.Unlock()
	until := l.next
	switch held, some := l.eng.held.next(); {
	case some:
		until = min(until, held)
	case l.eng.table.n == 0:
		return -1
	}
	left := until - l.eng.now()
	return int(max(0, (left+time.Millisecond-1)/time.Millisecond))
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

// closeAll closes what the loop owns, and what nobody does, when it ends.
func (l *loop) closeAll() {
	for _, s := range l.eng.all() {
		if s.loop == l {
			l.eng.discard(s)
		}
	}
}
