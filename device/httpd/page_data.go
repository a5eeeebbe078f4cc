package httpd

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"clipd/device/httpd/web"
	"clipd/store"
)

// scriptData is what the page's modules need to know beforehand. They follow the journal from seq on, so they miss
// nothing of what happens while the page travels.
func (s *Server) scriptData(seq uint64) []web.Datum {
	now := s.cfg.Clock.Now()
	data := []web.Datum{
		{Name: "seq", Value: itoa(int64(seq))},
		{Name: "now", Value: itoa(now.UnixMilli())},
		{Name: "zones", Value: zones(now, s.cfg.Location)},
		{Name: "stream", Value: web.Address("stream.js")},
		{Name: "targets", Value: strings.Join(s.cfg.Targets, "\n")},
	}
	if s.cfg.PublicURL != "" {
		data = append(data, web.Datum{Name: "public", Value: s.cfg.PublicURL})
	}
	return data
}

// zoneChanges is how many of them a page is told: ten years of summer time.
const zoneChanges = 20

// zones is how far where is ahead of UTC: "BEGIN:SECONDS" by commas, the last one first, BEGIN in Unix seconds.
// Browsers know zones too, but not which one "the system's" is.
func zones(now time.Time, where *time.Location) string {
	at := now.AddDate(1, 0, 0).In(where)
	var all []string
	for range zoneChanges {
		begin, _ := at.ZoneBounds()
		_, offset := at.Zone()
		if begin.IsZero() {
			return strings.Join(append(all, fmt.Sprintf("0:%d", offset)), ",")
		}
		all = append(all, fmt.Sprintf("%d:%d", begin.Unix(), offset))
		at = begin.Add(-time.Second)
	}
	return strings.Join(all, ",")
}

// What counts as having just arrived: live, lately, and among the last rows of the journal.
const (
	lately     = 10 * time.Minute
	latelyRows = 64
)

// arrived are the clips that just arrived, whenever they were recorded.
func (s *Server) arrived(last uint64) (map[store.ID]bool, error) {
	rows, _, err := s.cfg.Store.Events(last-min(last, latelyRows), latelyRows)
	if err != nil {
		return nil, err
	}
	since, ids := s.cfg.Clock.Now().Add(-lately), map[store.ID]bool{}
	for _, e := range rows {
		switch {
		case e.Type == store.ClipAdded && e.Origin == store.Live && e.Time.After(since):
			ids[e.Clip.ID] = true
		case e.Type == store.ClipRemoved:
			delete(ids, e.Clip.ID)
		}
	}
	return ids, nil
}

// apart takes the clips that just arrived out of a list, newest first, unless they lead it: they would be looked for
// at its top. more are those that the list, which is one piece of many, does not have.
func (s *Server) apart(list []store.Clip, fresh map[store.ID]bool, f filter) (rest, apart []store.Clip) {
	lead, listed := true, map[store.ID]bool{}
	for _, c := range list {
		listed[c.ID] = true
		if lead = lead && fresh[c.ID]; fresh[c.ID] && !lead {
			apart = append(apart, c)
			continue
		}
		rest = append(rest, c)
	}
	for id := range fresh {
		if listed[id] {
			continue
		}
		if c, stage, err := s.cfg.Store.Clip(id); err == nil && stage == store.StageListed && f.matches(c) {
			apart = append(apart, c)
		}
	}
	slices.SortFunc(apart, func(a, b store.Clip) int { return b.Mtime.Compare(a.Mtime) })
	return rest, apart
}

func (f filter) matches(c store.Clip) bool {
	return (f.camera == "" || f.camera == c.Camera) && (f.from.IsZero() || !c.Start.Before(f.from) && c.Start.Before(f.to)) &&
		(f.pinned == nil || *f.pinned == c.Pinned) && (f.pushed == nil || *f.pushed == c.Pushed)
}
