package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"clipd/device/api"
)

// Of event streams (WHATWG HTML §9.2).
const (
	maxEvent = 1 << 20          // bytes of one event
	silence  = 45 * time.Second // the box says something at least every 15 s
)

// errSilent is a stream that is dead though nothing ended it.
var errSilent = errors.New("the box has said nothing for " + silence.String())

// follow calls tell with each event after seq as it happens. It blocks until the stream breaks, tell returns an error or
// ctx is done, and returns why.
func (b *box) follow(ctx context.Context, after uint64, tell func(api.Event) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q := url.Values{"after": {strconv.FormatUint(after, 10)}}
	resp, err := b.get(ctx, "/api/v1/events", q, http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	quiet := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer quiet.Stop()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 4<<10), maxEvent)
	for lines.Scan() {
		quiet.Stop() // tell may block for as long as it likes
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:")); ok {
			if err := tellEvent(data, tell); err != nil {
				return err
			}
		}
		quiet.Reset(silence)
	}
	if errors.Is(context.Cause(ctx), errSilent) {
		return errSilent
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("%w: %w", errCut, err)
	} else if err != nil {
		return fmt.Errorf("following the events: %w", err)
	}
	return fmt.Errorf("following the events: %w", io.ErrUnexpectedEOF)
}

// tellEvent decodes an event; the box writes each on one line.
func tellEvent(data []byte, tell func(api.Event) error) error {
	var e api.Event
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("an event cannot be read: %w", err)
	}
	return tell(e)
}
