package announce

import (
	"context"
	"errors"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"clipd/device/api"
	"clipd/store"
)

// What availability says.
const (
	online  = "online"
	offline = "offline"
)

var (
	errNoAck  = errors.New("the broker did not acknowledge a message in time")
	errNoPing = errors.New("the broker did not answer PINGREQ")
)

// session is one connection to the broker, from CONNECT to the first error. It is used by one goroutine and never again.
type session struct {
	*Announcer
	life  context.Context // done when the connection must go
	end   func()          // ends life and what paho runs for the session; may be called again
	began time.Time
	heard func() // called at each PUBACK

	client mqtt.Client
	conn   *conn
	caller caller
	fault  error  // the connection ended during a call; nothing is sent any more
	base   string // of URLs
	box    api.Box

	inbox    inbox
	unacked  unacked
	outbox   outbox
	retained retained
	status   status
	lasted   bool
}

func newSession(a *Announcer) *session {
	s := &session{
		Announcer: a, began: time.Now(), inbox: newInbox(), caller: newCaller(),
		box: api.Box{ID: a.cfg.Box, Name: a.cfg.Name, Generation: a.cfg.Store.Generation()},
	}
	s.outbox = outbox{store: a.cfg.Store, within: a.cfg.AnnounceWithin, read: a.cursor.value(), met: s.met, gap: s.gap}
	s.retained = newRetained()
	life, cancel := context.WithCancel(context.Background())
	s.life = life
	s.end = func() {
		cancel()
		if s.conn != nil {
			s.conn.Close() // before paho can send DISCONNECT, which would discard the will
		}
		s.client.Disconnect(0)
	}
	return s
}

// run tells and listens until the first error; at the end of ctx it says goodbye and returns nil.
func (s *session) run(ctx context.Context) error {
	go s.caller.work(s.life)
	if err := s.greet(ctx); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.beat.Add(1)
		changed := s.cfg.Store.Changed() // before reading, so that no commit is missed
		if err := s.tell(); err != nil {
			return err
		}
		timer.Reset(s.wait())
		if err := s.step(ctx, changed, timer.C); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return s.goodbye()
		}
	}
}

// step blocks until there is something to do and does what cannot wait for the next turn.
func (s *session) step(ctx context.Context, changed <-chan struct{}, due <-chan time.Time) error {
	var requests <-chan message
	var answers <-chan answer
	if !s.unacked.full() {
		requests, answers = s.inbox, s.desk.answers
	}
	select {
	case <-ctx.Done():
	case <-s.conn.ended:
		return s.lost()
	case <-s.unacked.head():
	case <-changed:
		s.status.touched = true
	case <-s.poke:
		s.status.touched = true
	case m := <-requests:
		s.request(m)
	case r := <-answers:
		s.respond(r)
	case <-due:
	}
	if s.fault != nil {
		return s.fault
	}
	return s.acknowledged()
}

// greet subscribes to requests before anything is published: from then on no SUBACK is due that paho could mistake for
// the acknowledgement of a message. Then it says what is retained.
func (s *session) greet(ctx context.Context) error {
	t := s.send(func() mqtt.Token { return s.client.Subscribe(s.topics.requests(), 1, nil) })
	if t == nil {
		return s.fault
	}
	timeout := time.NewTimer(s.limits.ack)
	defer timeout.Stop()
	select {
	case <-t.Done():
	case <-s.conn.ended:
		return s.lost()
	case <-timeout.C:
		return fmt.Errorf("subscribe to %s: %w", s.topics.requests(), errNoAck)
	case <-ctx.Done():
		return nil
	}
	if err := refused(t); err != nil {
		s.cfg.Log.Warn("requests cannot be received", "topic", s.topics.requests(), "error", err)
	}
	s.publish(s.topics.availability(), true, []byte(online), 0)
	s.info()
	return s.everything()
}

// refused is why the broker did not grant the subscription (MQTT 3.1.1 §3.9.3), or nil.
func refused(t mqtt.Token) error {
	if err := t.Error(); err != nil {
		return err
	}
	for filter, code := range t.(*mqtt.SubscribeToken).Result() {
		if code > 2 {
			return fmt.Errorf("the broker refused the filter %s", filter)
		}
	}
	return nil
}

// tell publishes what the journal holds while the window has room, and what is retained once the journal is told.
func (s *session) tell() error {
	for pages := 0; !s.unacked.full() && s.fault == nil && pages < 2; {
		i, ok, err := s.outbox.next()
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		if !ok {
			if !s.outbox.more {
				break
			}
			pages++
			continue
		}
		s.announce(i)
	}
	now := time.Now()
	if !s.lasted && now.Sub(s.began) >= s.limits.contested {
		s.lasted = true
		s.undisputed()
	}
	if s.outbox.run.open() && !s.unacked.full() && !now.Before(s.outbox.run.due(s.limits)) {
		s.announce(s.outbox.flush())
	}
	if s.idle() {
		if err := s.refresh(now); err != nil {
			return err
		}
	}
	return nil
}

// idle reports whether the journal has been told to its end.
func (s *session) idle() bool { return !s.outbox.more && len(s.outbox.rows) == 0 }

func (s *session) announce(i item) {
	s.publish(s.topics.event(), false, s.encode(i.event, i.from), i.passes)
}

// publish sends with QoS 1; what becomes of the message is seen when its turn comes.
func (s *session) publish(topic string, retain bool, payload []byte, passes uint64) {
	t := s.send(func() mqtt.Token { return s.client.Publish(topic, 1, retain, payload) })
	if t != nil {
		s.unacked = append(s.unacked, sent{t, passes, time.Now()})
	}
}

// keep sends what the next message of its topic replaces: QoS 0, retained.
func (s *session) keep(topic string, payload []byte) {
	s.send(func() mqtt.Token { return s.client.Publish(topic, 0, true, payload) })
}

// send blocks until paho has taken a packet, or the connection has ended. Nothing is sent after a message that was not:
// its PUBACK would move the cursor past that one.
func (s *session) send(f func() mqtt.Token) mqtt.Token {
	if s.fault != nil {
		return nil
	}
	t := s.caller.call(s.conn.ended, f)
	if t == nil {
		s.fault = s.lost()
	}
	return t
}

// acknowledged takes the messages that are done, oldest first, and moves the cursor past them. A session whose
// broker owes a PUBACK for too long is over.
func (s *session) acknowledged() error {
	for {
		m, ok := s.unacked.take()
		if !ok {
			break
		}
		if err := m.token.Error(); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		s.heard()
		if m.passes > 0 {
			s.cursor.move(m.passes)
		}
	}
	if len(s.unacked) > 0 && time.Since(s.unacked[0].at) >= s.limits.ack {
		return errNoAck
	}
	return nil
}

// lost is why the connection ended. paho closes it by itself only when PINGRESP is missing.
func (s *session) lost() error {
	if errors.Is(s.conn.cause, errClosed) {
		return errNoPing
	}
	return s.conn.cause
}

// wait is how long nothing is due.
func (s *session) wait() time.Duration {
	if !s.idle() && !s.unacked.full() {
		return 0
	}
	due := time.Now().Add(s.limits.beat)
	if len(s.unacked) > 0 {
		due = earliest(due, s.unacked[0].at.Add(s.limits.ack))
	}
	if s.outbox.run.open() && !s.unacked.full() {
		due = earliest(due, s.outbox.run.due(s.limits))
	}
	if s.idle() {
		due = earliest(due, s.status.due(s.limits))
	}
	if s.idle() && s.cfg.LinkTTL > 0 {
		due = earliest(due, s.renewal())
	}
	return max(time.Until(due), 0)
}

// gap is the row of a gap, which is in no journal.
func (s *session) gap(seq uint64, count int) store.Event {
	c := s.cfg.Clock
	return store.Event{Seq: seq, Type: store.Gap, Time: c.Now(), BootID: c.Boot, ClockSynced: c.Synced(), Count: count}
}
