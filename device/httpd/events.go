package httpd

import (
	"net/http"
	"strings"

	"clipd/device/api"
	"clipd/store"
)

// events tells the journal after a seq: as JSON, or live to who accepts text/event-stream.
func (s *Server) events(w http.ResponseWriter, r *http.Request, as caller) error {
	const anySeq = 1<<64 - 1
	p := s.query(r, "after", "limit", "consumer")
	after, limit := p.number("after", 0, anySeq, 0), p.limit()
	if p.err != nil {
		return p.err
	}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		return s.follow(w, r, as)
	}
	first, _ := s.cfg.Store.Journal()
	if !p.values.Has("after") && first > 0 {
		after = first - 1 // who asks for no place in the journal missed nothing
	}
	s.saw(r, after)
	return s.writeEvents(w, r, after, limit)
}

func (s *Server) writeEvents(w http.ResponseWriter, r *http.Request, after uint64, limit int) error {
	told := reader{s, after, s.base(r)}
	rows, err := told.read(min(limit, pageRows))
	if err != nil {
		return err
	}
	out := startArray(w, "events")
	for len(rows) > 0 {
		for _, e := range rows {
			if err := out.add(e); err != nil {
				s.cut(r, err)
			}
		}
		if limit -= len(rows); limit <= 0 {
			break
		}
		if rows, err = told.read(min(limit, pageRows)); err != nil {
			s.cut(r, err)
		}
	}
	out.end("next", told.after, "generation", s.cfg.Box.Generation)
	return nil
}

// reader reads the journal on from after, a few rows at a time. Rows that are no longer there become one gap.
type reader struct {
	s     *Server
	after uint64
	base  string
}

// read returns up to limit events (and a gap before them) and moves on behind them; none at the end of the journal.
func (j *reader) read(limit int) ([]api.Event, error) {
	rows, gap, err := j.s.cfg.Store.Events(j.after, limit)
	if err != nil {
		return nil, err
	}
	var events []api.Event
	if gap {
		g := j.gap(rows)
		events = append(events, g)
		j.after = g.Seq
	}
	for _, e := range rows {
		events = append(events, eventJSON(e, j.s.cfg.Box, j.base))
		j.after = e.Seq
	}
	return events, nil
}

// gap is the event that stands for the rows between j.after and rows, or for all there are if after is a stranger's.
func (j *reader) gap(rows []store.Event) api.Event {
	c := j.s.cfg.Clock
	g := api.FromEvent(store.Event{Type: store.Gap, Time: c.Now(), BootID: c.Boot, ClockSynced: c.Synced()}, j.s.cfg.Box)
	first, last := j.s.cfg.Store.Journal()
	g.From, g.Seq = j.after+1, last
	if len(rows) > 0 {
		g.Seq = rows[0].Seq - 1
	}
	if g.From > g.Seq {
		g.From = min(first, g.Seq)
	}
	return g
}

// eventJSON is e as it travels, with absolute addresses below base that are not signed.
func eventJSON(e store.Event, box api.Box, base string) api.Event {
	a := api.FromEvent(e, box)
	if a.Clip != nil {
		c := clipJSON(e.Clip, base)
		a.Clip = &c
	}
	return a
}
