package ingest

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"clipd/device/clock"
	"clipd/device/lane"
	"clipd/device/root"
	"clipd/store"
)

// Config is what ingest works on. All fields but Cameras and Problem are needed.
type Config struct {
	Root     *root.Root
	Store    *store.Store
	Clock    clock.Clock
	Location *time.Location // of file names that carry no zone
	Cameras  []Camera       // the first whose Match fits names the clip's camera
	Hash     bool           // false: clips are listed without SHA-256 and CRC-32
	Pictures bool           // lone pictures are clips too
	Lane     *lane.Lane     // of heavy disk work, which probing and hashing in a scan are; nil: always free
	Log      *slog.Logger
	// Problem is told what stands in the way of ingesting, and with an empty text that it no longer does. key names
	// the problem ("watches", "empty-root", "catalogue", "unreadable", "camera/<name>"). It must not block. nil is a no-op.
	Problem func(key, text string)
	// Calm is called after a scan has ended: what it needed can be given back. nil is a no-op.
	Calm func()
}

// delays are the only times that ingest waits.
type delays struct {
	stable time.Duration // unchanged for so long is settled, where the kernel does not tell about writers
	cutOff time.Duration // unchanged for so long is the end of footage that was cut off: its recorder may go on
	retime time.Duration // whoever sets a file's mtime may be about to close it too, and then its content is another
	retry  time.Duration // from something that failed to the scan that finds what it left
}

var usualDelays = delays{stable: 2 * time.Second, cutOff: 10 * time.Second, retime: time.Second, retry: time.Minute}

// Progress is how far a scan has come.
type Progress struct {
	Scanning bool `json:"scanning"`
	Pass     int  `json:"pass"`  // 1: walk, 2: probe, 3: hash
	Done     int  `json:"done"`  // files finished in this pass
	Total    int  `json:"total"` // files in this pass as far as known: a walk knows what the catalogue had before
}

// Ingest is the task that keeps the catalogue equal to the files beneath the root. Make it with New.
type Ingest struct {
	Config
	cameras []glob
	ready   chan struct{}
	once    sync.Once // of ready
	rescan  chan string
	failed  chan struct{} // a scan is due after a while
	recheck chan recheck  // from the scan to the live worker
	gate    gate
	commits commits
	delays  delays
	expect  expectations
	beat    atomic.Int64 // time since epoch
	epoch   time.Time
	whole   atomic.Bool // Complete
	suspect atomic.Bool // there may be files that cannot be read

	mu       sync.Mutex
	progress Progress
	problems map[string]string // stated, by key
}

// New returns an Ingest that does nothing before Run.
func New(c Config) *Ingest {
	if c.Problem == nil {
		c.Problem = func(string, string) {}
	}
	in := &Ingest{
		Config:   c,
		cameras:  globs(c.Cameras),
		ready:    make(chan struct{}),
		rescan:   make(chan string, 1),
		failed:   make(chan struct{}, 1),
		recheck:  make(chan recheck, maxHandedOver),
		commits:  commits{touched: map[string]struct{}{}},
		expect:   expectationsOf(c.Cameras),
		delays:   usualDelays,
		epoch:    time.Now(),
		problems: map[string]string{},
	}
	in.suspect.Store(true) // the last run may have met some
	in.alive()
	return in
}

// Ready is closed when the watches are placed for the first time, or when the root turned out to be away.
func (in *Ingest) Ready() <-chan struct{} { return in.ready }

// Rescan asks for a scan, for the reason told in the log, and returns at once. While one is running, another follows it.
func (in *Ingest) Rescan(reason string) {
	select {
	case in.rescan <- reason:
	default: // one is asked for already
	}
}

// Progress tells how far the scan has come. Safe for concurrent use.
func (in *Ingest) Progress() Progress {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.progress
}

// Complete reports whether a scan has ended well since the recordings folder was opened: the catalogue knows everything in
// it. Safe for concurrent use.
func (in *Ingest) Complete() bool { return in.whole.Load() }

// Beat is when the live worker last showed life, with a monotonic reading: time.Since(in.Beat()) stays under about
// ten seconds unless a file read or a commit hangs. Safe for concurrent use.
func (in *Ingest) Beat() time.Time { return in.epoch.Add(time.Duration(in.beat.Load())) }

func (in *Ingest) alive() { in.beat.Store(int64(time.Since(in.epoch))) }
