package announce

import (
	"bytes"
	"slices"
	"time"

	"clipd/device/api"
)

// status is what the session last said about the box as a whole.
type status struct {
	touched bool // something has changed since
	state   []byte
	pushing string // what push/state says
	asked   string // the token that the discovery document confirms with
	cameras []string
	at      time.Time // of the last look
	said    time.Time // of the last state message
}

// due is when the box is looked at again: after a change at most every stateMin, else every stateEvery.
func (st *status) due(l limits) time.Time {
	if st.touched {
		return st.at.Add(l.stateMin)
	}
	return st.said.Add(l.stateEvery)
}

// refresh brings retained messages up to date: newest clips at once, the state when it is due, links at half their life.
func (s *session) refresh(now time.Time) error {
	if s.renew.Swap(false) || s.cfg.LinkTTL > 0 && !now.Before(s.renewal()) {
		if err := s.everything(); err != nil {
			return err
		}
	}
	if !s.greeted.IsZero() && !now.Before(s.greeted) {
		s.discovery()
	}
	if !now.Before(s.status.due(s.limits)) {
		s.look(now)
	}
	return s.newest()
}

// renewal is when retained links have lived half their life.
func (s *session) renewal() time.Time { return s.retained.madeAt.Add(s.cfg.LinkTTL / 2) }

// look publishes state and info where they have changed.
func (s *session) look(now time.Time) {
	s.retained.posters = s.retained.posters || s.status.touched // a poster comes without an event
	s.status.touched, s.status.at = false, now
	if n := s.inbox.lost.Swap(0); n > 0 {
		s.cfg.Log.Warn("requests came faster than they could be refused", "lost", n)
	}
	s.pushState()
	s.askAgain()
	if !slices.Equal(s.cfg.Cameras(), s.status.cameras) {
		s.info()
	}
	state := s.cfg.State()
	if state.Problems == nil {
		state.Problems = []string{}
	}
	b := encode(state)
	if bytes.Equal(b, s.status.state) && now.Before(s.status.said.Add(s.limits.stateEvery)) {
		return
	}
	s.status.state, s.status.said = b, now
	s.keep(s.topics.state(), b)
}

// info publishes who the box is and what may be asked of it.
func (s *session) info() {
	s.status.cameras = slices.Clone(s.cfg.Cameras())
	s.publish(s.topics.info(), true, encode(api.Info{
		Version: s.cfg.Version, Box: s.cfg.Box, Name: s.cfg.Name, URL: s.base,
		Cameras: list(s.status.cameras), Requests: list(s.cfg.Requests),
	}), nil)
}

// list is l as JSON wants it: an array even when it is empty.
func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}
