package sendfile

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Engine owns the connections of its listeners, but for those lent to net/http. All methods are safe for concurrent use.
type Engine struct {
	cfg   Config
	start time.Time
	loops []*loop
	disk  *disk
	files *files
	ends  ends
	rate  *bucket // nil: no total limit
	paces bool    // the kernel keeps Config.TransferRate
	stats counters

	mu        sync.Mutex // guards what follows and, in every sock, what its comment says
	table     table
	listeners []*Listener
	held      queue
	slots     int // free ones
	starting  int // socks that are
	lent      map[*Conn]struct{}
	waiting   []*sock // readable, without a slot; first come, first served
	transfers int
	copies    int // of transfers: handlers send them
	wide      int // socks that are
	draining  bool
	drained   chan struct{} // closed once draining and no transfer is left
	stopped   bool
}

// New makes an Engine that does nothing until Run. It holds a few descriptors, which Run gives back; an Engine that is
// never run must not be dropped silently but run with a context that is done.
func New(cfg Config) (*Engine, error) {
	e := &Engine{cfg: cfg.withDefaults(), start: time.Now(), drained: make(chan struct{}), lent: map[*Conn]struct{}{}}
	e.slots = e.cfg.Slots
	e.files = newFiles()
	e.disk = newDisk(e.cfg.DiskWorkers)
	e.ends.init()
	e.rate, e.paces = newBucket(e.cfg.TotalRate), paces()
	for i := range e.cfg.Loops {
		l, err := newLoop(e, i)
		if err != nil {
			e.closeLoops()
			return nil, err
		}
		e.loops = append(e.loops, l)
	}
	return e, nil
}

// Run moves bytes until ctx is done, then closes every connection the engine owns; transfers still under way end with
// Shutdown (call Drain before to let them finish). It returns nil, or why epoll_wait(2) failed. Call it once.
func (e *Engine) Run(ctx context.Context) error {
	failed := make(chan error, len(e.loops))
	var running sync.WaitGroup
	for _, l := range e.loops {
		running.Go(func() {
			if err := l.run(); err != nil {
				failed <- err
			}
		})
	}
	var telling sync.WaitGroup
	telling.Go(e.ends.run)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("move bytes to clients: %w", err)
	}
	e.stop()
	running.Wait()
	for _, s := range e.all() {
		e.discard(s)
	}
	e.ends.stop()
	telling.Wait()
	e.closeLoops()
	return err
}

// stop makes the loops return, with no disk worker at work.
func (e *Engine) stop() {
	e.closeListeners()
	e.disk.stop()
	e.mu.Lock()
	e.stopped = true
	e.mu.Unlock()
	for _, l := range e.loops {
		l.wake()
	}
}

// closeListeners accepts no connection any more and parks none.
func (e *Engine) closeListeners() {
	e.mu.Lock()
	e.draining = true
	listeners := e.listeners
	e.mu.Unlock()
	for _, ln := range listeners {
		_ = ln.Close()
	}
}

// Drain refuses new connections, closes those that are parked and waits for the transfers to end. When ctx is done
// first, it ends them with Shutdown and returns ctx's error. Call it after http.Server.Shutdown and before Run's context
// ends: Server.Shutdown knows nothing of connections the engine has.
func (e *Engine) Drain(ctx context.Context) error {
	e.closeListeners()
	e.dropParked()
	select {
	case <-e.drained:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-e.drained: // with a ctx that was done before
		return nil
	default:
	}
	e.interruptAll()
	return fmt.Errorf("wait for transfers to end: %w", ctx.Err())
}

// drainedLocked tells Drain when the last transfer is gone.
func (e *Engine) drainedLocked() {
	if !e.draining || e.transfers > 0 {
		return
	}
	select {
	case <-e.drained:
	default:
		close(e.drained)
	}
}

// Attach makes srv tell the engine what it needs to know of connections it lends. Call it once srv's own ConnState and
// ConnContext are set (they go on being called) and before Serve.
func (e *Engine) Attach(srv *http.Server) {
	state, inner := srv.ConnState, srv.ConnContext
	srv.ConnState = func(c net.Conn, st http.ConnState) {
		if own := below(c); own != nil {
			own.setState(st)
			if st == http.StateIdle {
				own.s.loop.eng.answered(own.s)
			}
		}
		if state != nil {
			state(c, st)
		}
	}
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if inner != nil {
			ctx = inner(ctx, c)
		}
		if own := below(c); own != nil && e.cfg.TransferRate > 0 {
			own.pace(e.cfg.TransferRate)
		}
		if own, ok := c.(engineConn); ok {
			ctx = context.WithValue(ctx, connKey{}, own.EngineConn())
		}
		return ctx
	}
}

// below returns the engine's connection that c is or goes through, as one of crypto/tls does; nil if there is none.
func below(c net.Conn) *Conn {
	switch c := c.(type) {
	case engineConn:
		return c.EngineConn()
	case interface{ NetConn() net.Conn }:
		return below(c.NetConn())
	}
	return nil
}

// connKey is under which Attach leaves a request's *Conn in its context.
type connKey struct{}

// now is monotonic time since the engine was made.
func (e *Engine) now() time.Duration { return time.Since(e.start) }

func (e *Engine) closeLoops() {
	for _, l := range e.loops {
		l.close()
	}
}
