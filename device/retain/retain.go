package retain

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"clipd/device/clock"
	"clipd/device/root"
	"clipd/store"
)

// Config is what a Retainer needs. Functions must be safe for concurrent use.
type Config struct {
	Store *store.Store
	Root  *root.Root
	Clock clock.Clock
	Log   *slog.Logger
	Rules Rules

	Targets []string // names of the configured targets

	// Fetching reports whether somebody is fetching the clip now. nil: nobody ever is.
	Fetching func(store.ID) bool
	// Expire deletes clips, each for its reason, and blocks until that is on disk. It returns how many of them are gone, and
	// an error about those that are not; clips that were pinned or changed meanwhile are no error.
	Expire func(ctx context.Context, clips []Doomed) (gone int, err error)
	// ExpirePartial deletes a partial file if it is still that file and nobody writes it; false: it stays.
	ExpirePartial func(ctx context.Context, p store.Partial) (bool, error)
	// Off is why nothing may be deleted beside what the root and the pins say: no scan has ended yet, the root is empty. "":
	// nothing stands against it. nil: always "".
	Off func() string
	// Problem is told what people must know, and with an empty text that it is over. It must not block. nil is a no-op.
	Problem func(key, text string)
	// Free is Root.Free; tests give another.
	Free func() (free, total int64, err error)
	// Load and Keep are the small file of what was confirmed. nil: it is forgotten with the process.
	Load func() ([]byte, error)
	Keep func([]byte) error
}

// Doomed is a clip that must go, and why; people read the reason.
type Doomed struct {
	store.Clip
	Reason string
}

// Retainer is the task that keeps the recordings within the rules. Its methods are safe for concurrent use.
type Retainer struct {
	Config
	poke chan struct{} // holds one: something has changed that a pass should see

	mu   sync.Mutex // of all below; never held across a deletion
	keep keep
}

// keep is what a Retainer knows from pass to pass. Only Run's goroutine changes it.
type keep struct {
	off     string
	time    timekeeper
	now     reading
	tally   tally
	memory  memory
	holders holders
	ask     *ask
	aging   *aging    // an age pass under way
	nextAge time.Time // monotonic: no age pass before
	walks   map[scope]*walk
	drains  map[scope]*drain
	stuck   map[store.ID]time.Time // clips that could not be deleted, and until when (monotonic) they are left alone
	partial partials
	last    Last
	resort  resort
	space   space
}

// Last is the last deletion, summed over passes that followed each other.
type Last struct {
	Time  time.Time
	Clips int
	Bytes int64
}

// New returns a Retainer that does nothing before Run.
func New(c Config) *Retainer {
	if c.Fetching == nil {
		c.Fetching = func(store.ID) bool { return false }
	}
	if c.Off == nil {
		c.Off = func() string { return "" }
	}
	if c.Problem == nil {
		c.Problem = func(string, string) {}
	}
	if c.Free == nil {
		c.Free = c.Root.Free
	}
	r := &Retainer{Config: c, poke: make(chan struct{}, 1)}
	r.keep = keep{
		time: timekeeper{clock: c.Clock}, tally: tally{rules: &r.Rules, store: c.Store},
		walks: map[scope]*walk{}, drains: map[scope]*drain{}, stuck: map[store.ID]time.Time{},
	}
	r.recall()
	return r
}

// Poke asks for a pass soon: a pin, a consumer or a setting has changed. It does not block.
func (r *Retainer) Poke() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}
