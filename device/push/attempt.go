package push

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"clipd/device/root"
	"clipd/store"
)

// maxRedirects within one origin.
const maxRedirects = 5

// attempt is one clip on its way to one target.
type attempt struct {
	p    *Pusher
	push store.Push
	clip store.Clip
	dest *destination // nil for a free URL
	url  *url.URL
	free bool // dialing is restricted to what is not this machine

	conn    atomic.Pointer[conn] // the connection it uses, once there is one
	reached atomic.Bool          // the target can be spoken to
}

// attempt pushes q once. Its error is a failure.
func (p *Pusher) attempt(ctx context.Context, q store.Push) error {
	a, err := p.prepare(q)
	if err != nil {
		return err
	}
	p.current.Store(a)
	defer p.current.Store(nil)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		a.watch(ctx, cancel)
	}()
	err = a.send(ctx)
	if err != nil && ctx.Err() != nil {
		err = a.why(ctx)
	}
	cancel(nil)
	<-watched
	return err
}

// why is what ended ctx.
func (a *attempt) why(ctx context.Context) error {
	var f *failure
	if errors.As(context.Cause(ctx), &f) {
		return f
	}
	return errStopped
}

// prepare finds the clip and where it goes.
func (p *Pusher) prepare(q store.Push) (*attempt, error) {
	clip, stage, err := p.Store.Clip(q.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, errRemoved
	case err != nil:
		return nil, err
	case stage != store.StageListed:
		return nil, &failure{later, "the clip has not been read to its end yet"}
	}
	a := &attempt{p: p, push: q, clip: clip}
	if q.URL != "" {
		var local bool
		if a.url, local, err = p.allowed(q.URL); err != nil {
			return nil, &failure{final, err.Error()}
		}
		a.free = !local
		return a, nil
	}
	if a.dest = p.targets[q.Target]; a.dest == nil {
		return nil, &failure{final, "there is no target of that name any more"}
	}
	a.url, err = a.dest.url(p.values(&clip))
	return a, err
}

// open opens the clip's file, if it is still the one in the catalogue.
func (a *attempt) open() (*os.File, error) {
	f, info, err := a.p.Root.Open(a.clip.Path)
	switch {
	case errors.Is(err, root.ErrAway):
		return nil, &failure{later, "the recordings folder is not there"}
	case errors.Is(err, fs.ErrNotExist):
		return nil, &failure{counted, "the clip's file is gone"}
	case err != nil:
		return nil, fmt.Errorf("the clip's file: %w", err)
	case !a.same(info):
		return nil, errors.Join(errChanged, f.Close())
	}
	return f, nil
}

var errChanged = &failure{counted, "the clip's file changed, so it is another clip"}

func (a *attempt) same(info fs.FileInfo) bool {
	return info.Size() == a.clip.Size && info.ModTime().Equal(a.clip.Mtime)
}

// unchanged checks after the transfer that what was sent was the clip. One that is gone was sent whole.
func (a *attempt) unchanged() error {
	info, err := a.p.Root.Stat(a.clip.Path)
	if err == nil && !a.same(info) {
		return &failure{counted, "the clip's file changed while it was being pushed, so it is another clip"}
	}
	return nil
}

// send sends the clip, again where a redirect within the same origin asks for it, and judges the answer.
func (a *attempt) send(ctx context.Context) error {
	transport := a.transport(ctx)
	defer transport.CloseIdleConnections()
	to := a.url
	for range maxRedirects + 1 {
		resp, err := a.put(ctx, transport, to)
		if err != nil {
			return a.broken(err)
		}
		next, err := a.judge(resp)
		resp.Body.Close()
		if err != nil || next == nil {
			return err
		}
		to = next
	}
	return fmt.Errorf("%s redirects in a circle", origin(a.url))
}

func (a *attempt) put(ctx context.Context, transport *http.Transport, to *url.URL) (*http.Response, error) {
	f, err := a.open()
	if err != nil {
		return nil, err
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { a.reached.Store(true) }})
	r, err := a.request(ctx, to, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	resp, err := transport.RoundTrip(r) // a Client would follow redirects
	if err != nil {
		if changed := a.unchanged(); changed != nil {
			return nil, changed
		}
	}
	return resp, err
}

// broken is what an attempt without an answer means.
func (a *attempt) broken(err error) error {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	if !a.reached.Load() {
		return &failure{away, fmt.Sprintf("%s cannot be reached: %v", origin(a.url), err)}
	}
	return fmt.Errorf("%s broke off without an answer, %d of %d bytes in: %w", origin(a.url), min(a.progress(), a.clip.Size), a.clip.Size, err)
}

// transport makes a connection of its own for each attempt: one that was kept may be dead, which only a body sent in vain
// would tell. No HTTP/2, no proxy, and nothing between the file and the socket.
func (a *attempt) transport(ctx context.Context) *http.Transport {
	t := &a.p.timing
	return &http.Transport{
		DialContext: func(dialing context.Context, network, address string) (net.Conn, error) {
			return a.dial(dialing, ctx, network, address)
		},
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: t.dial,
		DisableKeepAlives:   true,
		DisableCompression:  true,
	}
}

func (a *attempt) dial(ctx, sending context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: a.p.timing.dial}
	if a.free {
		d.ControlContext = refuseLocal
	}
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	wrapped := &conn{TCPConn: c.(*net.TCPConn), ctx: sending, lane: a.p.Lane, limit: a.p.limit, ended: make(chan struct{})}
	wrapped.prepare()
	a.conn.Store(wrapped)
	return wrapped, nil
}

// progress is how many bytes the target's kernel has.
func (a *attempt) progress() int64 {
	if c := a.conn.Load(); c != nil {
		return c.acknowledged()
	}
	return 0
}

// watch ends an attempt that makes no progress, or whose clip was removed, until ctx is done.
func (a *attempt) watch(ctx context.Context, end context.CancelCauseFunc) {
	t := &a.p.timing
	tick := time.NewTicker(t.look)
	defer tick.Stop()
	last, since := int64(-1), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := a.progress(); now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) >= t.stall {
			end(a.stalled(last))
			return
		}
		if _, _, err := a.p.Store.Clip(a.clip.ID); errors.Is(err, store.ErrNotFound) {
			end(errRemoved)
			return
		}
	}
}

func (a *attempt) stalled(sent int64) *failure {
	if sent >= a.clip.Size {
		return &failure{counted, fmt.Sprintf("%s took the clip and gave no answer for %v", origin(a.url), a.p.timing.stall)}
	}
	return &failure{counted, fmt.Sprintf("%s took no byte for %v, %d of %d bytes in", origin(a.url), a.p.timing.stall, max(sent, 0), a.clip.Size)}
}
