// Package announce tells the world over MQTT what is in the journal, and takes requests from it: one session with one
// broker at a time, journal out, requests in. It is the only importer of paho. It may read the catalogue and move its
// own cursor in it; it opens no recording, serves no HTTP and decides no request itself.
//
// A journal row counts as told only when the broker of the session that published it has acknowledged it
// (MQTT 3.1.1 [MQTT-4.3.2-1]); the cursor never passes a row before that. Whatever was not acknowledged is
// published again by the next session: at least once, in the order of the journal.
package announce

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"clipd/device/api"
	"clipd/device/clock"
	"clipd/device/link"
	"clipd/store"
)

// CursorName is the announcer's cursor in the catalogue.
const CursorName = "announce"

// Config is what an Announcer needs. Functions must be safe for concurrent use and must not block for long.
type Config struct {
	Broker   string                 // tcp://host:port, tls://…, ws://… or wss://…
	Username string                 // "" for none
	Password func() (string, error) // asked before every session, so that a corrected file is used; nil for none
	TLS      *tls.Config            // of tls and wss; nil verifies against the system's roots

	Prefix  string // first topic levels, without slashes at its ends
	Box     string // box id
	Name    string // box name
	Version string

	AnnounceWithin time.Duration // a scan's clips that were finished longer ago only become part of a gap
	LinkTTL        time.Duration // how long links live; 0 sends unsigned ones

	Requests []string // the verbs allowed
	// Ask takes a request of an allowed verb, to be answered now or later; false: there is no room for it. It must not
	// block. nil: no verb is known.
	Ask func(Ask) bool

	Discovery string // first topic level of Home Assistant's discovery; "": the box is not shown there
	Device    Device // what Home Assistant is told of the board
	// Shown is the discovery level under which an earlier run left the box's document, "" for none; NoteShown keeps it.
	Shown     string
	NoteShown func(string) error

	Pushing    func() bool      // whether the box pushes to its targets; nil together with SetPushing: it cannot push
	SetPushing func(bool) error // turns that on and off

	// Asked is the token of what retention asks, "" while it asks nothing; Confirm lets it go. nil: it never asks.
	Asked   func() string
	Confirm func(token string) error

	Store *store.Store
	Links *link.Signer
	Clock clock.Clock
	Log   *slog.Logger

	BaseURL func(local net.Addr) string // http base of messages without a trailing slash, given the session's local address
	State   func() api.State
	Cameras func() []string
	Problem func(string) // told what keeps the box from being heard, and "" when that is over; nil for nobody
}

// Announcer keeps one session with the broker for as long as it runs. Its methods are safe for concurrent use.
type Announcer struct {
	cfg    Config
	topics topics
	limits limits
	cursor *cursor
	desk   *desk
	replay replay
	shown  string                 // where the box's document is; only Run's goroutine uses it
	early  int                    // how many sessions in a row the broker ended early; only Run's goroutine uses it
	rows   map[string]store.Event // the clip_added row last met of each camera; only Run's goroutine uses it

	poke  chan struct{} // holds one: something that is not in the journal has changed
	renew atomic.Bool   // the links in retained messages are void
	beat  atomic.Uint64

	mu        sync.Mutex
	connected bool
	lastError string
	problem   string
}

// New returns an Announcer that does nothing until Run.
func New(c Config) *Announcer {
	if c.Problem == nil {
		c.Problem = func(string) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Ask == nil {
		c.Requests = nil
	}
	if c.NoteShown == nil {
		c.NoteShown = func(string) error { return nil }
	}
	a := &Announcer{cfg: c, topics: newTopics(c.Prefix, c.Box), limits: defaultLimits, poke: make(chan struct{}, 1)}
	a.cursor = newCursor(c.Store, c.Log)
	a.desk, a.shown = newDesk(), c.Shown
	a.rows = map[string]store.Event{}
	return a
}

// Run holds sessions with the broker, one after the other, until ctx is done; it then publishes offline, writes the
// cursor and returns nil, within about 4 s. A broker that is away is no failure. Any other error means that the
// cursor can no longer be read or written. Run may be called once.
func (a *Announcer) Run(ctx context.Context) error {
	if err := a.cursor.load(); err != nil {
		return fmt.Errorf("read cursor %q: %w", CursorName, err)
	}
	a.remember()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	var failed error
	stop := make(chan struct{})
	parts.Go(func() {
		if failed = a.cursor.write(stop); failed != nil {
			cancel()
		}
	})
	a.sessions(ctx)
	close(a.desk.gone)
	close(stop)
	parts.Wait()
	if failed != nil {
		return fmt.Errorf("move cursor %q: %w", CursorName, failed)
	}
	return nil
}

// Status reports whether a session is established, how far the cursor is behind the end of the journal (in seq, which is
// not dense), and what ended the last session or kept one from starting ("" since one is established).
func (a *Announcer) Status() (connected bool, lag uint64, lastError string) {
	if _, last := a.cfg.Store.Journal(); last > a.cursor.value() {
		lag = last - a.cursor.value()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.connected, lag, a.lastError
}

// Poke says that the state or the cameras have changed otherwise than through the catalogue. It does not block.
func (a *Announcer) Poke() {
	select {
	case a.poke <- struct{}{}:
	default:
	}
}

// Renew says that links made so far are void: retained messages are published again with new ones.
func (a *Announcer) Renew() {
	a.renew.Store(true)
	a.Poke()
}

// Progress is a number that grows at least every 30 s while Run runs and is not stuck, connected or not.
func (a *Announcer) Progress() uint64 { return a.beat.Load() }
