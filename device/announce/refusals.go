package announce

import "sync"

// maxRefused bounds what refusals take, in bytes: some 10,000 of them.
const maxRefused = 1 << 20

// refusal is a request that found no room.
type refusal struct{ verb, transaction string }

// refusals are requests that are to be answered busy. Safe for concurrent use.
type refusals struct {
	some chan struct{} // holds one: there are some

	mu      sync.Mutex
	waiting []refusal
	bytes   int
}

func newRefusals() *refusals { return &refusals{some: make(chan struct{}, 1)} }

func (r refusal) bytes() int { return 64 + len(r.verb) + len(r.transaction) }

// put is false where there is no room.
func (r *refusals) put(one refusal) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bytes+one.bytes() > maxRefused {
		return false
	}
	r.waiting, r.bytes = append(r.waiting, one), r.bytes+one.bytes()
	r.signal()
	return true
}

func (r *refusals) signal() {
	select {
	case r.some <- struct{}{}:
	default:
	}
}

// take returns the oldest; ok is false where there is none.
func (r *refusals) take() (one refusal, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		return one, false
	}
	one = r.waiting[0]
	r.waiting[0] = refusal{}
	r.waiting, r.bytes = r.waiting[1:], r.bytes-one.bytes()
	if len(r.waiting) == 0 {
		r.waiting = nil // a flood is over: its memory goes
	} else {
		r.signal()
	}
	return one, true
}
