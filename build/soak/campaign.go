package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const noBroker = "none"

// campaign is one run of everything that can go wrong.
type campaign struct {
	program string // the clipd that is tried
	dir     string // scratch
	sample  []byte
	seed    uint64
	start   time.Duration // how long a start may take
	tell    time.Duration // and how long it may take until everything is announced
	only    string        // the chapter to go through; "" is all
	jumping bool          // the clock jumps: links may end at any time
	until   time.Time     // no round begins after it; zero: all do
	out     io.Writer

	rounds  uint64
	figures figures

	mu    sync.Mutex
	wrong []string // what is not true and must be
}

// figures are what a campaign did.
type figures struct {
	cuts, early   int
	kills, struck int // struck: kills that hit the system call they were for
	flaps, full   int
	damaged       damaged
	jumps         int // of the clock
	facts         int
	slowest       time.Duration // start
}

// fail notes that something is not as it must be.
func (c *campaign) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// note says what went wrong with the campaign itself.
func (c *campaign) note(what string, err error) {
	if err != nil {
		fmt.Fprintf(c.out, "%s: %v\n", what, err)
	}
}

// over reports whether the time for rounds is over.
func (c *campaign) over() bool { return !c.until.IsZero() && time.Now().After(c.until) }

// seeded is the chance of the next round: the same for the same seed.
func (c *campaign) seeded() *rand.Rand {
	c.rounds++
	return rand.New(rand.NewPCG(c.seed, c.rounds))
}

// newBox is one at dir that announces to broker.
func (c *campaign) newBox(dir, broker string) (*box, error) {
	address, err := freeAddress()
	return &box{program: c.program, dir: dir, address: address, broker: broker}, err
}

// verify waits until a box that was launched is ready, and compares it with what must be true.
func (c *campaign) verify(ctx context.Context, x *box, m *model) error {
	began := time.Now()
	if err := x.ready(c.start); err != nil {
		c.fail("failed start: %v", err)
		return nil
	}
	c.figures.slowest = max(c.figures.slowest, time.Since(began))
	t := m.now()
	if c.jumping {
		t.tried = enoughLinks
	}
	c.figures.facts += t.facts
	for _, w := range t.check(ctx, x) {
		c.fail("%s", w)
	}
	if len(c.wrong) > 0 {
		return nil
	}
	if err := t.settle(ctx, x); err != nil && ctx.Err() == nil {
		c.fail("%v", err)
	}
	return nil
}

// work keeps the box busy for a random time, then runs end while everybody is still at work, and waits for them.
func (c *campaign) work(ctx context.Context, r *rand.Rand, x *box, m *model, names *int, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &work{box: x, model: m, sample: c.sample, names: names, fail: c.fail}
	var wg sync.WaitGroup
	chance := rand.New(rand.NewPCG(r.Uint64(), 1))
	wg.Go(func() { w.run(ctx, chance) })
	rest(ctx, time.Duration(r.Int64N(int64(busy))))
	end()
	cancel()
	wg.Wait()
}

// scratch makes a folder below the campaign's; done removes it.
func (c *campaign) scratch(name string) (dir string, done func(), err error) {
	dir = filepath.Join(c.dir, name)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return "", nil, err
	}
	return dir, func() { c.note("removing "+dir, os.RemoveAll(dir)) }, nil
}
