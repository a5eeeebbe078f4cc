package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// served is everything a box says about its clips, each record as canonical JSON.
type served struct {
	records map[string]string // by id
	order   []string          // ids, newest first
	events  map[string]string // by generation and seq
	cameras string
}

// record is a JSON object as it came.
type record map[string]any

// text is r in one way of writing, without the keys that depend on the address and the moment.
func (r record) text() string {
	c := maps.Clone(r)
	delete(c, "url")
	delete(c, "poster_url")
	b, err := json.Marshal(c)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// serves reads all clips, all events and the cameras' totals.
func (x *box) serves(ctx context.Context) (served, error) {
	s := served{records: map[string]string{}, events: map[string]string{}}
	var clips struct{ Clips []record }
	if err := x.must(ctx, "/api/v1/clips?limit=1000", &clips); err != nil {
		return s, err
	}
	for _, c := range clips.Clips {
		id := fmt.Sprint(c["id"])
		s.records[id] = c.text()
		s.order = append(s.order, id)
	}
	var rows struct{ Events []record }
	if err := x.must(ctx, "/api/v1/events?after=0&limit=1000", &rows); err != nil {
		return s, err
	}
	for _, e := range rows.Events {
		if e["event_type"] == "gap" { // it stands for rows that cannot be read
			continue
		}
		s.events[fmt.Sprint(e["generation"], " ", e["seq"])] = e.text()
	}
	var cameras record
	err := x.must(ctx, "/api/v1/cameras", &cameras)
	s.cameras = cameras.text()
	return s, err
}

// unwritten are records that none of the given ones served: nobody can have written them.
func (s served) unwritten(known ...served) (wrong []string) {
	for id, text := range s.records {
		if !slices.ContainsFunc(known, func(k served) bool { return k.records[id] == text }) {
			wrong = append(wrong, fmt.Sprintf("clip %s is served as %s, which nobody wrote", id, text))
		}
	}
	for key, text := range s.events {
		for _, k := range known {
			if was, ok := k.events[key]; ok && was != text {
				wrong = append(wrong, fmt.Sprintf("event %s is served as %s and was %s", key, text, was))
			}
		}
	}
	return wrong
}

// differs is how clips and totals differ from want, "" if they do not.
func (s served) differs(want served) string {
	for id, text := range want.records {
		if s.records[id] != text {
			return fmt.Sprintf("clip %s is %q, not %s", id, s.records[id], text)
		}
	}
	for id, text := range s.records {
		if want.records[id] == "" {
			return fmt.Sprintf("clip %s is there that was deleted: %s", id, text)
		}
	}
	if s.cameras != want.cameras {
		return fmt.Sprintf("the cameras are %s, not %s", s.cameras, want.cameras)
	}
	return ""
}
