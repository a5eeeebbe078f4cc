package announce

import "fmt"

// What push/set and push/state say.
const (
	switchOn  = "ON"
	switchOff = "OFF"
)

// switchPush does what push/set asks for; push/state then says what is.
func (s *session) switchPush(on bool) {
	if s.cfg.SetPushing == nil {
		return
	}
	if err := s.cfg.SetPushing(on); err != nil {
		s.cfg.Log.Error("pushing not switched", "error", fmt.Errorf("set pushing to %v: %w", on, err))
	}
	s.status.pushing = "" // whoever asked hears the answer even where nothing has changed
	s.pushState()
}

// pushState publishes whether the box pushes, if it has not said so already.
func (s *session) pushState() {
	if s.cfg.Pushing == nil {
		return
	}
	state := switchOff
	if s.cfg.Pushing() {
		state = switchOn
	}
	if s.status.pushing != state && !s.unacked.full() {
		s.status.pushing = state
		s.publish(s.topics.pushState(), true, []byte(state), nil)
	}
}
