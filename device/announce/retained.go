package announce

import (
	"errors"
	"fmt"
	"time"

	"clipd/device/api"
	"clipd/device/link"
	"clipd/store"
)

// retained are the messages about the newest clips that this session has left at the broker. They follow the journal:
// while there is something to tell, they wait.
type retained struct {
	shown   map[string]store.ID // by topic: whose clip is there; the zero ID when it was cleared
	dirty   map[string]bool     // cameras whose newest clip may be another
	posters bool                // the newest poster may be another
	madeAt  time.Time           // when the oldest links in them were made
}

func newRetained() retained {
	return retained{shown: map[string]store.ID{}, dirty: map[string]bool{}}
}

// poster is the message on the poster topic.
type poster struct {
	ID        string `json:"id"`
	Camera    string `json:"camera"`
	PosterURL string `json:"poster_url"`
}

// met sees every journal row once it has its place among the messages.
func (s *session) met(e store.Event) {
	switch e.Type {
	case store.ClipAdded:
		s.rows[e.Clip.Camera] = e
		s.retained.posters = s.retained.posters || e.Clip.Poster != ""
	case store.ClipRemoved:
		s.retained.posters = true
	case store.TimeCorrected:
		s.renew.Store(true) // starts are others now
		return
	default:
		return
	}
	s.retained.dirty[e.Clip.Camera], s.retained.dirty[""] = true, true
}

// remember looks for the rows of the newest clips at the end of the journal, for what is retained after a restart.
func (a *Announcer) remember() {
	_, last := a.cfg.Store.Journal()
	rows, _, err := a.cfg.Store.Events(max(last, page)-page, page)
	if err != nil {
		a.cfg.Log.Warn("end of the journal not read", "error", err)
	}
	for _, e := range rows {
		if e.Type == store.ClipAdded {
			a.rows[e.Clip.Camera] = e
		}
	}
}

// everything publishes all that is about the newest clips, whatever the broker has of an earlier session.
func (s *session) everything() error {
	cameras, err := s.cfg.Store.Cameras()
	if err != nil {
		return fmt.Errorf("read cameras: %w", err)
	}
	clear(s.retained.shown)
	s.retained.dirty[""], s.retained.posters = true, true
	for _, c := range cameras {
		s.retained.dirty[c.Name] = true
	}
	s.retained.madeAt = time.Now()
	return s.newest()
}

// newest publishes what has changed.
func (s *session) newest() error {
	for camera := range s.retained.dirty {
		if err := s.last(camera); err != nil {
			return fmt.Errorf("read the newest clip of %q: %w", camera, err)
		}
	}
	clear(s.retained.dirty)
	if !s.retained.posters {
		return nil
	}
	s.retained.posters = false
	return s.picture()
}

// last publishes the newest clip of camera ("" for all), or clears the topic when there is none.
func (s *session) last(camera string) error {
	c, err := s.cfg.Store.Latest(camera)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	topic := s.topics.last()
	if camera != "" {
		topic = s.topics.camera(camera)
	}
	if !s.retained.replaces(topic, c.ID) {
		return nil
	}
	if c.ID.IsZero() {
		s.keep(topic, nil)
		return nil
	}
	s.keep(topic, encode(s.message(s.row(c), 0)))
	return nil
}

// replaces notes that topic shows id from now on; false if it does already.
func (r *retained) replaces(topic string, id store.ID) bool {
	old, known := r.shown[topic]
	r.shown[topic] = id
	return !known || old != id
}

// row is the clip_added of c. Where its journal row is not at hand it has no seq: a made up one could be taken for
// another row's.
func (s *session) row(c store.Clip) store.Event {
	e := s.rows[c.Camera]
	if e.Clip.ID != c.ID {
		e = store.Event{Type: store.ClipAdded, Time: s.cfg.Clock.Now(), BootID: c.BootID, ClockSynced: c.ClockSynced}
	}
	e.Clip = c
	return e
}

// picture publishes the newest poster, or clears the topic when there is none.
func (s *session) picture() error {
	c, err := s.cfg.Store.LatestPoster()
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("read the newest poster: %w", err)
	}
	if !s.retained.replaces(s.topics.poster(), c.ID) {
		return nil
	}
	if c.ID.IsZero() {
		s.keep(s.topics.poster(), nil)
		return nil
	}
	m := api.FromClip(c)
	s.keep(s.topics.poster(), encode(poster{m.ID, m.Camera, s.url(link.Poster, c.ID, api.PosterPath(c))}))
	return nil
}
