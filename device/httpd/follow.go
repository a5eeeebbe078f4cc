package httpd

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"clipd/device/api"
)

// Of event streams (WHATWG HTML §9.2).
const (
	maxStreams  = 64
	streamRows  = 32   // read at once; what a slow reader holds in memory
	streamRetry = 3000 // milliseconds
)

// Tests are less patient.
var (
	heartbeat   = 15 * time.Second // a comment when nothing happens, so that dead connections are noticed
	streamWrite = 30 * time.Second // a reader that takes nothing for so long is let go; it resumes by Last-Event-ID
)

// follow tells events as they happen, from Last-Event-ID, else from after, else from now on. It ends when the client
// goes, when its token is revoked, and when the box stops.
func (s *Server) follow(w http.ResponseWriter, r *http.Request, as caller) error {
	after, err := s.followFrom(r)
	if err != nil {
		return err
	}
	s.saw(r, after)
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		return api.NewProblem(api.Busy, "Too many event streams at once", "Close another one, or read events as JSON.")
	}
	defer s.streams.Add(-1)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		select {
		case <-s.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	f := &follower{reader: reader{s, after, s.base(r)}, w: w, rc: http.NewResponseController(w), still: func() bool { return s.valid(r, as) }}
	f.open()
	if r.Method != http.MethodHead {
		f.run(ctx)
	}
	return nil
}

func (s *Server) followFrom(r *http.Request) (uint64, error) {
	_, last := s.cfg.Store.Journal()
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("after")
	}
	if text == "" {
		return last, nil
	}
	after, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, badRequest("Last-Event-ID is malformed", "Send the id of the last event you have, a number.")
	}
	return after, nil
}

// follower is one reader of the live journal. It holds a few rows and no transaction while it waits for the client.
type follower struct {
	reader
	w     http.ResponseWriter
	rc    *http.ResponseController
	still func() bool // the caller may still read
	out   bytes.Buffer
}

func (f *follower) open() {
	h := f.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	f.w.WriteHeader(http.StatusOK)
}

func (f *follower) run(ctx context.Context) {
	defer f.rc.SetWriteDeadline(time.Time{})
	fmt.Fprintf(&f.out, "retry: %d\n\n", streamRetry)
	for f.flush() == nil && ctx.Err() == nil {
		events, err := f.read(streamRows)
		if err != nil {
			f.s.cfg.Log.Error("an event stream ended", "error", err)
			return
		}
		for _, e := range events {
			f.tell(e)
		}
		if len(events) == 0 && !f.wait(ctx) {
			return
		}
	}
}

// wait blocks until there is more to tell, or a heartbeat is due and written. It is false when the stream is over.
func (f *follower) wait(ctx context.Context) bool {
	due, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	if f.s.cfg.Store.Next(due, f.after) {
		return true
	}
	if due.Err() == nil {
		return false // the catalogue is closed
	}
	f.out.WriteString(": still here\n\n")
	return ctx.Err() == nil && f.still()
}

func (f *follower) tell(e api.Event) {
	fmt.Fprintf(&f.out, "id: %d\nevent: %s\ndata: ", e.Seq, e.EventType)
	if err := encode(&f.out, e); err != nil {
		panic(err) // plain fields
	}
	f.out.WriteByte('\n')
}

// flush writes what was told. It blocks while the client takes nothing, at most streamWrite.
func (f *follower) flush() error {
	if f.out.Len() == 0 {
		return nil
	}
	f.rc.SetWriteDeadline(time.Now().Add(streamWrite))
	_, err := f.out.WriteTo(f.w)
	if err != nil {
		return err
	}
	return f.rc.Flush()
}
