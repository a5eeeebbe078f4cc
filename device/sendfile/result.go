package sendfile

import (
	"sync"
	"time"
)

// End is why a transfer ended.
type End uint8

// Every transfer ends in one of these ways.
const (
	Done       End = iota // every byte is in the kernel's hands
	ClientGone            // the client closed the connection, or its network did
	Truncated             // the file was shorter than promised, or reading it failed; the connection is closed
	Stalled               // the client acknowledged nothing for too long
	Shutdown              // the engine was stopped
	Refused               // there was no transfer to be had: Config.Busy answered
)

var endNames = [...]string{"done", "client-gone", "truncated", "stalled", "shutdown", "refused"}

// String is how logs and metrics call it.
func (e End) String() string { return endNames[e] }

// Result is what became of one response.
type Result struct {
	End      End
	Bytes    int64         // of the body, given to the kernel
	Size     int64         // of the body, promised
	Duration time.Duration // from the hand-over
	Err      error         // what the kernel said, for ClientGone and Truncated; may be nil
	Zero     bool          // sent by the engine; false if net/http sent it
}

// ends calls what wants to know of ended transfers, one after another, away from the loops.
type ends struct {
	mu      sync.Mutex
	some    sync.Cond
	list    []func()
	stopped bool
	over    bool // run has returned
}

func (q *ends) init() { q.some.L = &q.mu }

func (q *ends) add(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		go f()
		return
	}
	q.list = append(q.list, f)
	q.some.Signal()
}

func (q *ends) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.some.Signal()
}

// run returns once it was stopped and the list is empty.
func (q *ends) run() {
	for {
		list, stopped := q.wait()
		for _, f := range list {
			f()
		}
		if stopped {
			return
		}
	}
}

func (q *ends) wait() (list []func(), stopped bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.list) == 0 && !q.stopped {
		q.some.Wait()
	}
	list, q.list = q.list, nil
	q.over = q.stopped && len(list) == 0
	return list, q.over
}
