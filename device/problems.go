package device

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// problems are what is wrong with the box now, by the part that says so. Each is logged when it begins and when it is
// over. Safe for concurrent use.
type problems struct {
	log     *slog.Logger
	changed func() // told after each change; must not block

	file    func(now []string) error // keeps them for whoever looks later
	keeping sync.Mutex               // of file: the last to write has the newest

	mu  sync.Mutex
	now map[string]string
}

func newProblems(log *slog.Logger, file func([]string) error, changed func()) *problems {
	return &problems{log: log, changed: changed, file: file, now: map[string]string{}}
}

// set notes that part has the problem text; "" says it is over.
func (p *problems) set(part, text string) {
	p.mu.Lock()
	before := p.now[part]
	if text == "" {
		delete(p.now, part)
	} else {
		p.now[part] = text
	}
	p.mu.Unlock()
	switch {
	case before == text:
		return
	case text == "":
		p.log.Info("problem is over", "part", part, "was", before)
	default:
		p.log.Warn("problem", "part", part, "problem", text)
	}
	p.keep()
	p.changed()
}

// keep notes all problems where they can be found without the journal. What stands in the way of that is one more of them,
// and is only logged: the status has the problem already.
func (p *problems) keep() {
	p.keeping.Lock()
	defer p.keeping.Unlock()
	if err := p.file(p.all()); err != nil {
		p.log.Error("the problems could not be noted in the state folder", "error", err)
	}
}

// get returns part's problem, "" if it has none.
func (p *problems) get(part string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now[part]
}

// all returns every problem, ordered by part.
func (p *problems) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]string, 0, len(p.now))
	for _, part := range slices.Sorted(maps.Keys(p.now)) {
		out = append(out, p.now[part])
	}
	return out
}
