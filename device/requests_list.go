package device

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// What one answer to list holds. A message has at most 64 KiB, so a page ends where the next clip would not fit.
const (
	defaultList = 100
	maxList     = 1000
	listBytes   = 56 << 10
	listRows    = 32 // read at once
)

// listed is the data of an answer to list.
type listed struct {
	Clips []api.Clip `json:"clips"`
	Next  string     `json:"next,omitempty"`
}

// list answers with as many clips as were asked for and a message holds.
func (t *requests) list(_ context.Context, j *job) (any, error) {
	q, err := t.query(j.Request)
	if err != nil {
		return nil, err
	}
	data, size := listed{Clips: []api.Clip{}}, 0
	rows := listRows
	for left := q.Limit; left > 0; {
		q.Limit = min(left, rows)
		page, err := t.store.List(q)
		if err != nil {
			return nil, err
		}
		clips, bytes, err := t.travelling(page.Clips, j.Base)
		if err != nil {
			return nil, err
		}
		if size+bytes > listBytes {
			if rows = len(clips) / 2; rows > 0 {
				continue // a cursor stands at the end of a page, so the page is made shorter
			}
			break
		}
		data.Clips, data.Next = append(data.Clips, clips...), page.Next
		left, size, q.Cursor = left-len(clips), size+bytes, page.Next
		if page.Next == "" {
			break
		}
	}
	return data, nil
}

// travelling is clips as they travel, and how many bytes they take at most.
func (t *requests) travelling(clips []store.Clip, base string) (all []api.Clip, size int, err error) {
	for _, c := range clips {
		a, _ := t.signed(c, base, t.linkTTL)
		line, err := json.Marshal(a)
		if err != nil {
			return nil, 0, fmt.Errorf("encode clip %s: %w", c.ID, err)
		}
		all, size = append(all, a), size+len(line)+1
	}
	return all, size, nil
}

func (t *requests) query(r api.Request) (q store.Query, err error) {
	q = store.Query{Camera: r.Camera, Pinned: r.Pinned, Pushed: r.Pushed, Complete: r.Complete, Cursor: r.Cursor, Limit: r.Limit}
	if r.Limit < 0 || r.Limit > maxList {
		return q, invalid("limit is out of range", fmt.Sprintf("Use 1 to %d.", maxList))
	}
	if r.Limit == 0 {
		q.Limit = defaultList
	}
	switch r.Order {
	case "", "newest":
	case "oldest":
		q.Order = store.OldestFirst
	default:
		return q, invalid("order is malformed", "Use newest or oldest.")
	}
	if q.From, err = t.time("from", r.From); err != nil {
		return q, err
	}
	if q.To, err = t.time("to", r.To); err != nil {
		return q, err
	}
	if !q.From.IsZero() && !q.To.IsZero() && q.To.Before(q.From) {
		return q, invalid("to is before from", "Swap them.")
	}
	return q, nil
}

// time reads a time, or a date: its midnight where the box is.
func (t *requests) time(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, t.zone)
	if err != nil {
		return at, invalid(field+" is malformed", "Use a time such as 2026-11-22T07:55:01Z or a date such as 2026-11-22.")
	}
	return at, nil
}
