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

	inbox    *inbox
	unacked  unacked
	outbox   outbox
	retained retained
	status   status
	told     told
	greeted  time.Time // when Home Assistant gets its document again; zero: not
	lasted   bool
}

func newSession(a *Announcer) *session {
	s := &session{
		Announcer: a, began: time.Now(), caller: newCaller(), inbox: newInbox(a.topics, a.cfg.Discovery, a.cfg.Clock.Now),
		box: api.Box{ID: a.cfg.Box, Name: a.cfg.Name, Generation: a.cfg.Store.Generation()},
	}
	s.outbox = outbox{store: a.cfg.Store, within: a.cfg.AnnounceWithin, read: a.cursor.value(), met: s.met, gap: s.gap}
	s.retained = newRetained()
	a.replay.resume()
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
	var refused <-chan struct{}
	var answers <-chan answer
	var born <-chan struct{}
	var push <-chan bool
	var confirm <-chan string
	if !s.unacked.crowded() {
		requests, refused, answers = s.inbox.requests, s.inbox.refused.some, s.desk.answers
		born, push, confirm = s.inbox.born, s.inbox.push, s.inbox.confirm
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
	case <-refused:
		s.refuseOne()
	case r := <-answers:
		s.respond(r)
	case on := <-push:
		s.switchPush(on)
	case token := <-confirm:
		s.confirm(token)
	case <-born:
		s.greeted = time.Now().Add(s.limits.birth())
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
	t := s.send(func() mqtt.Token { return s.client.SubscribeMultiple(s.filters(), nil) })
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
		return fmt.Errorf("subscribe to requests: %w", errNoAck)
	case <-ctx.Done():
		return nil
	}
	if err := refused(t); err != nil {
		s.cfg.Log.Warn("requests cannot be received", "error", err)
	}
	s.publish(s.topics.availability(), true, []byte(online), nil)
	s.info()
	s.pushState()
	s.discovery()
	return s.everything()
}

// filters are all topics that the box listens to, in one SUBSCRIBE.
func (s *session) filters() map[string]byte {
	f := map[string]byte{s.topics.requests(): 1}
	if s.cfg.SetPushing != nil {
		f[s.topics.pushSet()] = 1
	}
	if s.cfg.Confirm != nil {
		f[s.topics.retentionSet()] = 1
	}
	if s.cfg.Discovery != "" {
		f[birth(s.cfg.Discovery)] = 1
	}
	return f
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
		s.publishItem(i)
	}
	now := time.Now()
	if !s.lasted && now.Sub(s.began) >= s.limits.contested {
		s.lasted = true
		s.undisputed()
	}
	if s.outbox.run.open() && !s.unacked.full() && !now.Before(s.outbox.run.due(s.limits)) {
		s.publishItem(s.outbox.flush())
	}
	if !s.idle() {
		return nil
	}
	if len(s.unacked) == 0 {
		s.sum()
	}
	if err := s.refresh(now); err != nil {
		return err
	}
	return s.again()
}

// idle reports whether the journal has been told to its end.
func (s *session) idle() bool { return !s.outbox.more && len(s.outbox.rows) == 0 }

func (s *session) publishItem(i item) {
	s.announce(i.event, i.from, s.many(i.event.Seq), func() { s.cursor.move(i.passes) })
}

// announce publishes a row; many: it is not logged by itself.
func (s *session) announce(e store.Event, from uint64, many bool, acked func()) {
	m := s.message(e, from)
	s.publish(s.topics.event(), false, encode(m), func() {
		acked()
		s.say(m, many)
	})
}

// publish sends with QoS 1; what becomes of the message is seen when its turn comes.
func (s *session) publish(topic string, retain bool, payload []byte, acked func()) {
	t := s.send(func() mqtt.Token { return s.client.Publish(topic, 1, retain, payload) })
	if t != nil {
		s.unacked = append(s.unacked, sent{t, acked, time.Now()})
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
		if m.acked != nil {
			m.acked()
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
	if !s.greeted.IsZero() && !s.unacked.full() {
		due = earliest(due, s.greeted)
	}
	if s.idle() && s.replay.more() && !s.unacked.crowded() {
		return 0
	}
	return max(time.Until(due), 0)
}

// gap is the row of a gap, which is in no journal.
func (s *session) gap(seq uint64, count int) store.Event {
	c := s.cfg.Clock
	return store.Event{Seq: seq, Type: store.Gap, Time: c.Now(), BootID: c.Boot, ClockSynced: c.Synced(), Count: count}
}
