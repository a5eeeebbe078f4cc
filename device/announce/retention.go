package announce

// nothingAsked is what the button sends while retention asks nothing.
const nothingAsked = "none"

// asked is the token of what retention asks, nothingAsked if it asks nothing.
func (a *Announcer) asked() string {
	if a.cfg.Asked == nil || a.cfg.Asked() == "" {
		return nothingAsked
	}
	return a.cfg.Asked()
}

// confirm lets go what retention asks, if the token is of that: a press of the button that Home Assistant showed for an
// earlier question confirms nothing.
func (s *session) confirm(token string) {
	if s.cfg.Confirm == nil || token == nothingAsked {
		return
	}
	if err := s.cfg.Confirm(token); err != nil {
		s.cfg.Log.Warn("retention/set confirmed nothing", "error", err)
	}
	s.askAgain()
}

// askAgain publishes the document anew where its button would confirm another question than the one that is asked.
func (s *session) askAgain() {
	if s.cfg.Confirm != nil && s.cfg.Discovery != "" && s.status.asked != s.asked() && !s.unacked.full() {
		s.discovery()
	}
}

// retention are the entities about what is deleted.
func (a *Announcer) retention() map[string]component {
	c := map[string]component{
		"days_left": {
			Platform: "sensor", Name: "Days until full", DeviceClass: "duration", Unit: "d", Category: "diagnostic",
			ValueTemplate: "{{ value_json.days_left }}",
		},
	}
	if a.cfg.Confirm != nil {
		c["retention_asks"] = component{
			Platform: "binary_sensor", Name: "Deletion waits for confirmation", DeviceClass: "problem", Category: "diagnostic",
			ValueTemplate: "{{ 'ON' if value_json.retention_asks else 'OFF' }}",
		}
		c["confirm_deletion"] = component{
			Platform: "button", Name: "Confirm deletion", CommandTopic: a.topics.retentionSet(), PayloadPress: a.asked(), Category: "config",
		}
	}
	return c
}
