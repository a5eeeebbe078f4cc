package announce

import (
	"errors"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// errGoodbye is a stop that the broker did not acknowledge in time; it then publishes the will.
var errGoodbye = errors.New("offline was not acknowledged in time")

// goodbye waits for what is under way, publishes offline and waits for its PUBACK, then disconnects. MQTT 3.1.1
// [MQTT-3.14.4-3] discards the will, so offline must have arrived before.
func (s *session) goodbye() error {
	timeout := time.NewTimer(s.limits.goodbye)
	defer timeout.Stop()
	if err := s.drain(window-1, timeout.C); err != nil {
		return err
	}
	published := make(chan mqtt.Token, 1)
	go func() { published <- s.client.Publish(s.topics.availability(), 1, true, []byte(offline)) }()
	select {
	case t := <-published:
		s.unacked = append(s.unacked, sent{token: t, at: time.Now()})
	case <-timeout.C:
		return errGoodbye
	}
	if err := s.drain(0, timeout.C); err != nil {
		return err
	}
	s.client.Disconnect(250)
	return nil
}

// drain waits until no more than n messages are unacknowledged.
func (s *session) drain(n int, timeout <-chan time.Time) error {
	for len(s.unacked) > n {
		select {
		case <-s.unacked.head():
		case <-s.conn.ended:
			return s.lost()
		case <-timeout:
			return errGoodbye
		}
		if err := s.acknowledged(); err != nil {
			return err
		}
	}
	return nil
}
