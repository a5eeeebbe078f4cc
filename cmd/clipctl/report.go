package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// A report tells people, or a program that reads JSON, how a pull goes. Safe for concurrent use.
type report struct {
	out, err io.Writer
	json     bool
	quiet    bool
	bars     *bars

	mu    sync.Mutex
	clips int
	bytes int64
	down  bool // said that the box is out of reach
}

func newReport(out, err io.Writer, json, quiet bool) *report {
	r := &report{out: out, err: err, json: json, quiet: quiet}
	if quiet || json {
		return r
	}
	if r.bars = newBars(out); r.bars != nil {
		r.out, r.err = r.bars.all, r.bars.all // lines go above the bars
	}
	return r
}

// bar shows one clip on its way, where people watch.
func (r *report) bar(name string, total int64) *bar { return r.bars.add(name, total) }

// pulled tells of a clip that is in the folder now.
func (r *report) pulled(s saved) error {
	if s.File == "" {
		return nil // only acknowledged
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clips, r.bytes = r.clips+1, r.bytes+s.Size
	switch {
	case r.json:
		return json.NewEncoder(r.out).Encode(s)
	case r.quiet:
		return nil
	}
	_, err := fmt.Fprintf(r.out, "%s  %s  %s\n", printable(s.File), size(s.Size), s.how())
	return err
}

// note says what is worth knowing and no failure.
func (r *report) note(format string, args ...any) {
	if !r.quiet {
		r.trouble(format, args...)
	}
}

// trouble says what failed.
func (r *report) trouble(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintln(r.err, "clipctl:", printable(fmt.Sprintf(format, args...)))
}

// unreachable says so once, until the box answers again.
func (r *report) unreachable(err error) {
	if !r.turn(true) {
		return
	}
	r.note("the box is out of reach, trying again: %v", err)
}

// reached says that the box answers again, if it did not.
func (r *report) reached() {
	if r.turn(false) {
		r.note("the box answers again")
	}
}

func (r *report) turn(down bool) (turned bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	turned = r.down != down
	r.down = down
	return turned
}

// finish takes the bars away and sums up.
func (r *report) finish() {
	r.bars.done()
	if !r.json {
		r.note("%d clips pulled, %s", r.clips, size(r.bytes))
	}
}
