package sendfile

import (
	"errors"

	"golang.org/x/sys/unix"
)

// sendNow sends what the socket takes at once and the page cache has.
func (c *Conn) sendNow(t *transfer) error {
	e := c.s.loop.eng
	quantum, _ := e.allowance(t)
	if quantum <= 0 && t.body.mayPend {
		return nil
	}
	var failed error
	err := c.raw.Control(func(fd uintptr) { failed = e.turn(int(fd), t, min(t.left, max(quantum, 1)), false) })
	if failed == unix.EAGAIN || failed == errCold {
		failed = nil
	}
	return errors.Join(err, failed)
}

// sendAll sends all that is left, and blocks as long as the client likes.
func (c *Conn) sendAll(t *transfer) error {
	defer c.writes()()
	e := c.s.loop.eng
	var failed error
	err := c.raw.Write(func(fd uintptr) bool {
		for failed = nil; t.left > 0 && failed == nil; c.writesOn() {
			before := t.left
			failed = e.turn(int(fd), t, e.cfg.Quantum, true)
			if failed == unix.EAGAIN && t.left < before { // only when it takes nothing at all is a socket full for sure
				failed = nil
			}
		}
		return failed != unix.EAGAIN
	})
	return errors.Join(err, failed)
}

// writesOn notes that the client takes bytes.
func (c *Conn) writesOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote = c.s.loop.eng.now()
}

// flush sends a pending body before anything else is said on the connection, by net/http or by the engine: the client has
// sent a request ahead of its time, of which net/http holds some, so that the connection cannot be parked.
func (c *Conn) flush() error {
	t := c.pending
	if t == nil {
		return nil
	}
	c.pending = nil
	err := c.sendAll(t)
	t.body.close()
	e := c.s.loop.eng
	e.mu.Lock()
	defer e.mu.Unlock()
	e.report(t, verdict(Done, err), err)
	e.transfers--
	e.drainedLocked()
	return err
}
