package httpd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/store"
)

func traceReuse(ctx context.Context, reused *bool) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { *reused = i.Reused }})
}

type told struct {
	Events []api.Event `json:"events"`
	Next   uint64      `json:"next"`
}

func TestEventsAsJSON(t *testing.T) {
	b := newBox(t)
	clips := b.many(250, oneCamera)
	var all []api.Event
	after := uint64(0)
	for {
		var v told
		b.must(json.Unmarshal(b.get(fmt.Sprintf("/api/v1/events?after=%d&limit=120", after)).is(t, 200, "").body, &v))
		all = append(all, v.Events...)
		if len(v.Events) == 0 {
			break
		}
		if v.Next != v.Events[len(v.Events)-1].Seq {
			t.Fatalf("next is %d, the last seq %d", v.Next, v.Events[len(v.Events)-1].Seq)
		}
		after = v.Next
	}
	if len(all) != len(clips) {
		t.Fatalf("%d events, want %d", len(all), len(clips))
	}
	for i, e := range all {
		if e.EventType != "clip_added" || e.ID != clips[i].ID.String() || e.URL != b.url+api.ClipPath(clips[i]) || e.Box != "0123456789ab" || e.Origin != "live" {
			t.Fatalf("event %d: %+v", i, e)
		}
	}
}

func TestEventsAfterAStrangersSeqAreAGap(t *testing.T) {
	b := newBox(t)
	b.many(3, oneCamera)
	var v told
	b.must(json.Unmarshal(b.get("/api/v1/events?after=5000").is(t, 200, "").body, &v))
	if len(v.Events) == 0 || v.Events[0].EventType != "gap" || v.Events[0].Clip != nil || v.Next != 3 {
		t.Errorf("%+v", v)
	}
}

// A message is one server-sent event.
type message struct{ id, event, data string }

// stream is one reader of live events.
type stream struct {
	t     testing.TB
	lines *bufio.Scanner
	close func()
}

func (b *box) follow(pairs ...string) stream {
	b.t.Helper()
	r := b.request("GET", "/api/v1/events", nil, append([]string{"Authorization", "Bearer " + b.secret[store.Viewer], "Accept", "text/event-stream"}, pairs...)...)
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	b.t.Cleanup(cancel)
	resp, err := http.DefaultTransport.RoundTrip(r.WithContext(ctx))
	b.must(err)
	b.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		b.t.Fatalf("%d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return stream{b.t, bufio.NewScanner(resp.Body), func() { resp.Body.Close() }}
}

// next blocks until there is an event; ok is false when the stream has ended.
func (s stream) next() (m message, ok bool) {
	s.t.Helper()
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			m.data = value
		case "":
			if m.event != "" {
				return m, true
			}
		}
	}
	if errors.Is(s.lines.Err(), context.DeadlineExceeded) {
		s.t.Fatal("the stream is still open")
	}
	return m, false
}

func TestLiveEventsResumeWithoutLoss(t *testing.T) {
	b := newBox(t)
	b.many(1, func(int) string { return "before" })
	s := b.follow()
	added := make(chan []store.Clip)
	go func() { added <- b.many(400, oneCamera) }()
	var got []message
	last := ""
	for i := 0; len(got) < 400; i++ {
		m, ok := s.next()
		if !ok {
			t.Fatalf("the stream ended after %d events", len(got))
		}
		got, last = append(got, m), m.id
		if i%37 == 36 { // the connection breaks
			s.close()
			s = b.follow("Last-Event-ID", last)
		}
	}
	for i, c := range <-added {
		var e api.Event
		b.must(json.Unmarshal([]byte(got[i].data), &e))
		if e.ID != c.ID.String() || got[i].event != "clip_added" || fmt.Sprint(e.Seq) != got[i].id {
			t.Fatalf("event %d: %+v", i, got[i])
		}
	}
	s.close()
}

func TestLiveEventsTellAGap(t *testing.T) {
	b := newBox(t)
	b.many(3, oneCamera)
	s := b.follow("Last-Event-ID", "5000")
	if m, ok := s.next(); !ok || m.event != "gap" {
		t.Errorf("%+v", m)
	}
	for _, bad := range []string{"-1", "x", "1e3"} {
		b.get("/api/v1/events", "Accept", "text/event-stream", "Last-Event-ID", bad).is(t, 400, "bad-request")
	}
	s.close()
}

func TestLiveEventsEndWhenTheBoxStops(t *testing.T) {
	b := newBox(t)
	s := b.follow()
	before := time.Now()
	b.stop()
	if m, ok := s.next(); ok {
		t.Errorf("an event after the stop: %+v", m)
	}
	if took := time.Since(before); took > stopGrace/2 {
		t.Errorf("the stop took %v", took)
	}
}

func TestTooManyStreams(t *testing.T) {
	b := newBox(t)
	for range maxStreams {
		s := b.follow()
		defer s.close()
	}
	b.get("/api/v1/events", "Accept", "text/event-stream").is(t, 503, "busy")
	b.get("/api/v1/events").is(t, 200, "")
}

// A reader that takes nothing is let go; meanwhile the catalogue commits and others read.
func TestSlowReaderHoldsNothing(t *testing.T) {
	patience := streamWrite
	streamWrite = 500 * time.Millisecond
	t.Cleanup(func() { streamWrite = patience })
	b := newBox(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	b.must(err)
	defer conn.Close()
	b.must(conn.(*net.TCPConn).SetReadBuffer(4096))
	fmt.Fprintf(conn, "GET /api/v1/events?after=0 HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer %s\r\n\r\n", b.secret[store.Viewer])
	b.eventually("the reader follows", func() bool { return b.server.streams.Load() == 1 })
	good := b.follow()
	const n = 12000 // more than the socket's buffers hold
	go b.many(n, oneCamera)
	for i := range n {
		if _, ok := good.next(); !ok {
			t.Fatalf("another reader's stream ended after %d events", i)
		}
	}
	good.close()
	b.eventually("the slow reader is let go", func() bool { return b.server.streams.Load() == 0 })
}

func TestRevokedTokenEndsItsStream(t *testing.T) {
	beat := heartbeat
	heartbeat = 50 * time.Millisecond
	t.Cleanup(func() { heartbeat = beat })
	b := newBox(t)
	s := b.follow()
	for s.lines.Scan() && s.lines.Text() != ": still here" {
	}
	b.must(b.cfg.Tokens.Revoke("the viewer"))
	if m, ok := s.next(); ok {
		t.Errorf("an event for a revoked token: %+v", m)
	}
}
