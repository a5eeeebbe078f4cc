package announce

import (
	"strings"

	"clipd/device/api"
)

// few is how many announcements that come together are logged one by one.
const few = 10

// told counts announcements that are not logged one by one.
type told struct {
	count       int
	first, last uint64
	many        bool // there are more to come
}

// say logs an announcement that the broker has acknowledged. A link in the log would be a key left lying about: it is
// without its signature.
func (s *session) say(m api.Event, many bool) {
	if many {
		if s.told.count == 0 {
			s.told.first = m.Seq
		}
		s.told.count, s.told.last = s.told.count+1, m.Seq
		return
	}
	s.sum()
	if m.Clip == nil {
		s.cfg.Log.Info("announced", "event", m.EventType, "seq", m.Seq)
		return
	}
	url, _, _ := strings.Cut(m.URL, "?")
	s.cfg.Log.Info("announced", "event", m.EventType, "path", m.Path, "clip", m.ID, "url", url)
}

// sum logs those that were only counted.
func (s *session) sum() {
	if s.told.count > 0 {
		s.cfg.Log.Info("announced", "events", s.told.count, "first_seq", s.told.first, "last_seq", s.told.last)
		s.told.count = 0
	}
}

// many reports whether seq is one of so many rows, told at once, that they are logged together.
func (s *session) many(seq uint64) bool {
	_, last := s.cfg.Store.Journal()
	s.told.many = last > seq && (s.told.many || last-seq >= few)
	return s.told.many
}
