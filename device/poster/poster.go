// Package poster makes pictures for clips that came without one: a JPEG's embedded thumbnail, else what a command (ffmpeg
// where it is installed) makes of the recording. They are a cache: kept outside the root, bounded in size, and made again
// where they are missed.
//
// It may read the catalogue and note in it which clips have a poster, open recordings through device/root, write into its
// own cache folder, and start the command: one at a time, at the lowest priority, bounded in time, memory and output, and
// told the recording as an open descriptor, so that no file's name becomes an option. It deletes nothing but posters.
//
// What a browser asked for comes first, then what was just recorded, then, after a scan, all others from the newest on
// until the cache is full. A clip whose poster fails is not tried again in this run.
package poster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"clipd/device/root"
	"clipd/store"
)

// Config is what a Maker needs.
type Config struct {
	Store *store.Store
	Root  *root.Root
	Dir   *os.Root // the cache folder, which is the Maker's alone; whoever opened it closes it after Run
	Log   *slog.Logger

	// Command makes the picture of one clip: a program and its arguments, in which Input and Output stand for the two files.
	// Empty: only thumbnails are used.
	Command []string

	Lane    func(ctx context.Context) (release func(), err error) // waits for the turn of heavy disk work; nil: there is none
	Made    func()                                                // called after a poster came or went; nil: nobody is told
	Problem func(text string)                                     // told that the command makes nothing; nil: nobody is
}

// Maker makes posters. Its methods are safe for concurrent use.
type Maker struct {
	Config
	bounds  bounds
	cache   *cache
	wake    chan struct{} // something came that no commit tells
	backlog backlog       // Run's alone
	seq     uint64        // how far Run has read the journal
	tries   tries         // Run's alone

	mu    sync.Mutex
	asked queue // by browsers, the one that waits longest first
	fresh queue // just recorded, the newest first
	calm  bool  // a scan has ended since Run last looked
}

// bounds are what posters may cost.
type bounds struct {
	time, cpu time.Duration // of one command
	memory    int64         // address space of one command, in bytes: ffmpeg's libraries alone take 290 MB of it
	picture   int64         // bytes of one poster
	cache     int64         // bytes of all
	spare     int64         // bytes that stay free in the cache's file system
}

var usual = bounds{
	time: time.Minute, cpu: 30 * time.Second, memory: 512 << 20,
	picture: 1 << 20, cache: 128 << 20, spare: 64 << 20,
}

// New returns a Maker of the posters in c.Dir, which hears of what the journal gets from now on. Nothing is touched before
// Run.
func New(c Config) *Maker {
	if c.Lane == nil {
		c.Lane = func(context.Context) (func(), error) { return func() {}, nil }
	}
	if c.Made == nil {
		c.Made = func() {}
	}
	if c.Problem == nil {
		c.Problem = func(string) {}
	}
	m := &Maker{Config: c, bounds: usual, cache: &cache{dir: c.Dir}, wake: make(chan struct{}, 1)}
	_, m.seq = c.Store.Journal()
	return m
}

// Run makes posters until ctx is done, and returns nil then. Any other return is a failure of the catalogue.
func (m *Maker) Run(ctx context.Context) error {
	if err := m.cache.load(); err != nil {
		return fmt.Errorf("reading the folder of posters: %w", err)
	}
	for ctx.Err() == nil {
		if err := m.turn(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrFull) {
			return err
		}
	}
	return nil
}

// turn makes one poster, or waits until there may be one to make.
func (m *Maker) turn(ctx context.Context) error {
	changed := m.Store.Changed()
	if err := m.follow(ctx); err != nil {
		return err
	}
	id, ok, err := m.next(ctx)
	if err != nil {
		return err
	}
	if ok {
		return m.make(ctx, id)
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-m.wake:
	}
	return nil
}

// Want asks for the poster of clip id, because somebody looks at it. It does not block.
func (m *Maker) Want(id store.ID) {
	m.mu.Lock()
	m.asked.put(id)
	m.mu.Unlock()
	m.nudge()
}

// Calm says that a scan has ended: clips that came with it want posters, and posters of clips that went are of no use.
// It does not block.
func (m *Maker) Calm() {
	m.mu.Lock()
	m.calm = true
	m.mu.Unlock()
	m.nudge()
}

func (m *Maker) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Open opens the poster that was made for clip id. The caller closes it. fs.ErrNotExist where it is gone; it is then
// asked for again.
func (m *Maker) Open(id store.ID) (*os.File, os.FileInfo, error) {
	f, err := m.Dir.Open(name(id))
	if err != nil {
		m.cache.forget(id)
		m.Want(id)
		return nil, nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, fi, nil
}
