package announce

import (
	"errors"
	"fmt"
	"time"
)

// errGoodbye is a stop that the broker did not acknowledge; it then publishes the will, which says the same.
var errGoodbye = errors.New("offline was not acknowledged")

// goodbye waits for what is under way, publishes offline and waits for its PUBACK, then disconnects. MQTT 3.1.1
// [MQTT-3.14.4-3] discards the will, so offline must have arrived before. A broker that takes too long is hung up on.
func (s *session) goodbye() error {
	timeout := time.AfterFunc(s.limits.goodbye, func() { s.conn.Close() })
	defer timeout.Stop()
	if err := s.drain(window - 1); err != nil {
		return fmt.Errorf("%w: %w", errGoodbye, err)
	}
	s.publish(s.topics.availability(), true, []byte(offline), nil)
	if err := s.drain(0); err != nil {
		return fmt.Errorf("%w: %w", errGoodbye, err)
	}
	s.client.Disconnect(250)
	return nil
}

// drain waits until no more than n messages are unacknowledged.
func (s *session) drain(n int) error {
	for len(s.unacked) > n && s.fault == nil {
		select {
		case <-s.unacked.head():
		case <-s.conn.ended:
			return s.lost()
		}
		if err := s.acknowledged(); err != nil {
			return err
		}
	}
	return s.fault
}
