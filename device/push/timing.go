package push

import (
	"math/rand/v2"
	"sync"
	"time"

	"clipd/store"
)

const defaultTries = 12

// timing is how long things may take.
type timing struct {
	least, most time.Duration // between two attempts: it doubles from least to most
	badRest     time.Duration // the most that a target rests which answers clip after clip badly
	dial        time.Duration // connecting and the TLS handshake, each
	stall       time.Duration // without a byte acknowledged, or an answer
	look        time.Duration // between two looks at an attempt that is under way
	unready     time.Duration // until what the box itself lacks is looked for again
}

var usual = timing{
	least: time.Second, most: 10 * time.Minute, badRest: time.Minute,
	dial: 10 * time.Second, stall: time.Minute, look: time.Second, unready: 10 * time.Second,
}

// wait is the time after the n-th failure, somewhat scattered so that boxes that failed together do not return together.
func (t *timing) wait(n int) time.Duration {
	d := t.most
	if n < 32 {
		d = min(t.least<<max(n-1, 0), t.most)
	}
	return d*3/4 + rand.N(d/2+1)
}

// lanes knows which targets rest. Safe for concurrent use.
type lanes struct {
	mu    sync.Mutex
	rests map[string]*rest
}

// rest is what is held against a target since its last success.
type rest struct {
	fails int       // in a row; further ones of the same clip do not count
	last  store.ID  // whose the last one was
	until time.Time // monotonic
	told  bool      // it is a stated problem
}

// resting returns the lanes that rest now, and how long until the first of them may be tried.
func (l *lanes) resting() (names []string, left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, r := range l.rests {
		d := time.Until(r.until)
		if d <= 0 {
			continue
		}
		names = append(names, name)
		if left == 0 || d < left {
			left = d
		}
	}
	return names, left
}

// away notes that lane could not be reached; first tells that this is news.
func (l *lanes) away(lane string, t *timing) (d time.Duration, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.at(lane)
	r.fails++
	d = t.wait(r.fails)
	r.until = time.Now().Add(d)
	first = !r.told
	r.told = true
	return d, first
}

// bad notes that lane answered clip id badly. The first clip in a row may be to blame itself.
func (l *lanes) bad(lane string, id store.ID, t *timing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.at(lane)
	if r.fails > 0 && r.last == id {
		return
	}
	r.fails++
	r.last = id
	if r.fails > 1 {
		r.until = time.Now().Add(min(t.wait(r.fails-1), t.badRest))
	}
}

func (l *lanes) at(lane string) *rest {
	r := l.rests[lane]
	if r == nil {
		r = &rest{}
		l.rests[lane] = r
	}
	return r
}

// good forgets what was held against lane; told tells that it was a stated problem.
func (l *lanes) good(lane string) (told bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rests[lane]
	delete(l.rests, lane)
	return r != nil && r.told
}

// try ends lane's rest.
func (l *lanes) try(lane string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.rests[lane]; r != nil {
		r.until = time.Time{}
	}
}
