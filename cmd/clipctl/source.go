package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"clipd/device/api"
)

// settleEvery bounds how many clips a crash makes the next pull look up again in the ledger.
const settleEvery = 1000

// A source is one box that is asked over HTTP what it has: through its journal from where the folder has come to, or
// through its whole list where the journal cannot tell (the first time, another selection, a new catalogue, a gap).
// Only one goroutine may feed from it.
type source struct {
	puller *puller
	box    *box   // nil where a box is known from its messages only
	id     string // the box id
	name   string

	at cursor // how far the feed has come

	settled cursor // how far everything is pulled; these are the settling goroutine's until it ends
	noted   int    // settled since the ledger was told
	stuck   bool   // a clip before here is still missing
}

// identify asks the box who it is and takes up the cursor of this selection.
func (s *source) identify(ctx context.Context) error {
	if s.id != "" {
		return nil
	}
	var status struct {
		Box  string `json:"box"`
		Name string `json:"name"`
	}
	err := s.puller.retry(ctx, func() error { return s.box.read(ctx, "/api/v1/status", nil, &status) })
	if err != nil {
		return fmt.Errorf("asking for the status: %w", err)
	}
	if status.Box == "" {
		return fmt.Errorf("%s answers, but not as a box does", s.box.base.Host)
	}
	s.id, s.name = status.Box, status.Name
	c, ok := s.puller.dir.ledger.cursor(s.id, s.selection())
	if ok && !s.puller.relist {
		s.at = c
	}
	return nil
}

// selection tells two pulls of different clips apart.
func (s *source) selection() string {
	q := url.Values{}
	for name, values := range s.puller.query {
		if name != "cursor" && name != "limit" && name != "order" {
			q[name] = values
		}
	}
	f := s.puller.filter
	q["from"], q["to"] = []string{f.from}, []string{f.to} // as people said them: "2h" is the same tomorrow
	q.Set("ack", s.puller.ack)
	return q.Encode()
}

// catchUp asks for everything the folder does not have, and returns at the end of the journal.
func (s *source) catchUp(ctx context.Context) error {
	if err := s.identify(ctx); err != nil {
		return err
	}
	for {
		page, err := s.events(ctx, 1000)
		if err != nil {
			return err
		}
		if page.Generation != s.at.Generation {
			if err := s.list(ctx); err != nil {
				return err
			}
			continue
		}
		if len(page.Events) == 0 {
			return nil
		}
		for _, e := range page.Events {
			if err := s.take(ctx, e); err != nil {
				return err
			}
		}
	}
}

// journalPage is a piece of the journal.
type journalPage struct {
	Events     []api.Event `json:"events"`
	Next       uint64      `json:"next"`
	Generation string      `json:"generation"`
}

// events reads up to limit rows after the feed's place.
func (s *source) events(ctx context.Context, limit int) (page journalPage, err error) {
	q := url.Values{"after": {strconv.FormatUint(s.at.Seq, 10)}, "limit": {strconv.Itoa(limit)}}
	err = s.puller.retry(ctx, func() error {
		page = journalPage{}
		return s.box.read(ctx, "/api/v1/events", q, &page)
	})
	if err != nil {
		return page, fmt.Errorf("reading the journal: %w", err)
	}
	return page, nil
}

// list asks for every clip there is, and goes on in the journal where it ended before.
func (s *source) list(ctx context.Context) error {
	head, err := s.head(ctx)
	if err != nil {
		return err
	}
	err = s.puller.retry(ctx, func() error {
		q := url.Values{}
		for name, values := range s.puller.query {
			q[name] = values
		}
		for c, err := range s.box.clips(ctx, q, 0) {
			if err != nil {
				return err
			}
			if err := s.puller.want(ctx, &wanted{clip: c, from: s, box: s.box, settle: s.listed}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing clips: %w", err)
	}
	return s.reach(ctx, head, api.Clip{})
}

// head is the end of the journal as it is now.
func (s *source) head(ctx context.Context) (cursor, error) {
	var status struct {
		Journal [2]uint64 `json:"journal"`
	}
	err := s.puller.retry(ctx, func() error { return s.box.read(ctx, "/api/v1/status", nil, &status) })
	if err != nil {
		return cursor{}, fmt.Errorf("asking for the status: %w", err)
	}
	s.at = cursor{Seq: status.Journal[1], Selection: s.selection()}
	page, err := s.events(ctx, 1)
	return cursor{Generation: page.Generation, Seq: status.Journal[1], Selection: s.selection()}, err
}

// errNewCatalogue is a journal that is not the one the feed was reading.
var errNewCatalogue = errors.New("the box has a new catalogue")

// take goes on by one event.
func (s *source) take(ctx context.Context, e api.Event) error {
	if e.Generation != s.at.Generation {
		return errNewCatalogue
	}
	if e.EventType == "gap" || e.EventType == "time_corrected" && s.puller.filter.timed() {
		return s.list(ctx)
	}
	return s.reach(ctx, cursor{Generation: e.Generation, Seq: e.Seq, Selection: s.selection()}, wantedOf(e))
}

// wantedOf is the clip that e may be a reason to pull.
func wantedOf(e api.Event) api.Clip {
	switch e.EventType {
	case "clip_added", "clip_pinned", "clip_unpinned":
		if e.Clip != nil {
			return *e.Clip
		}
	}
	return api.Clip{}
}

// reach moves the feed to c and, when all before it and the clip are pulled, the folder's cursor.
func (s *source) reach(ctx context.Context, c cursor, clip api.Clip) error {
	s.at = c
	return s.puller.want(ctx, &wanted{clip: clip, from: s, box: s.box, settle: func(ok bool) error { return s.settle(c, ok) }})
}

// listed keeps the folder's cursor from passing a listed clip that is missing.
func (s *source) listed(ok bool) error {
	s.stuck = s.stuck || !ok
	return nil
}

// settle moves the folder's cursor, and notes it when there is time to.
func (s *source) settle(c cursor, ok bool) error {
	if s.stuck = s.stuck || !ok; s.stuck {
		return nil
	}
	s.settled = c
	if s.noted++; s.noted < settleEvery && !s.puller.idle() {
		return nil
	}
	s.noted = 0
	return s.puller.dir.ledger.reached(s.id, c)
}

// follow pulls until ctx is done: what is missing first, and then each clip as the box tells of it.
func (s *source) follow(ctx context.Context) error {
	wait := retrying()
	for {
		if err := s.catchUp(ctx); err != nil {
			return err
		}
		err := s.box.follow(ctx, s.at.Seq, func(e api.Event) error {
			wait = retrying()
			return s.take(ctx, e)
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, errNewCatalogue) {
			continue
		}
		if !isPassing(err) {
			return err
		}
		s.puller.report.unreachable(err)
		if !s.puller.patience.sleep(ctx, wait.pause()) {
			return context.Cause(ctx)
		}
	}
}
