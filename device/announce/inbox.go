package announce

import (
	"strings"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// What an inbox holds at most. Requests come with QoS 1 and paho acknowledges them itself, so what finds no room in it
// has to be answered or is lost.
const (
	waiting        = 16  // requests not yet looked at
	maxTransaction = 128 // bytes of the transaction of a request that found no room
	maxVerb        = 32  // bytes; no verb is so long
)

// message is a request as it came.
type message struct {
	verb    string
	payload []byte // nil if it was longer than maxRequest
	at      time.Time
}

// inbox holds what the broker has sent until the session looks at it. Only the latest of a switch or a birth counts.
type inbox struct {
	topics    topics
	discovery string
	now       func() time.Time

	requests chan message
	refused  *refusals
	lost     atomic.Int64  // requests that nobody was told of
	born     chan struct{} // Home Assistant has come up; holds one
	push     chan bool     // what push/set said last; holds one
	confirm  chan string   // what retention/set said last; holds one
}

func newInbox(t topics, discovery string, now func() time.Time) *inbox {
	return &inbox{
		topics: t, discovery: discovery, now: now, requests: make(chan message, waiting), refused: newRefusals(),
		born: make(chan struct{}, 1), push: make(chan bool, 1), confirm: make(chan string, 1),
	}
}

// put is called by paho, in one goroutine that must not be held up: PUBACKs pass through it. It only copies. Retained
// messages are of another day.
func (i *inbox) put(_ mqtt.Client, m mqtt.Message) {
	switch {
	case m.Retained():
	case m.Topic() == i.topics.pushSet():
		i.pushed(string(m.Payload()))
	case m.Topic() == i.topics.retentionSet():
		i.confirmed(m.Payload())
	case i.discovery != "" && m.Topic() == birth(i.discovery):
		if string(m.Payload()) == online {
			i.bear()
		}
	default:
		i.request(m)
	}
}

func (i *inbox) bear() {
	select {
	case i.born <- struct{}{}:
	default:
	}
}

// pushed replaces what was said before and not yet looked at.
func (i *inbox) pushed(payload string) {
	if payload != switchOn && payload != switchOff {
		return
	}
	select {
	case <-i.push:
	default:
	}
	select {
	case i.push <- payload == switchOn:
	default:
	}
}

// confirmed replaces what was said before and not yet looked at.
func (i *inbox) confirmed(payload []byte) {
	if len(payload) > maxTransaction {
		return
	}
	select {
	case <-i.confirm:
	default:
	}
	select {
	case i.confirm <- string(payload):
	default:
	}
}

func (i *inbox) request(m mqtt.Message) {
	verb := i.topics.verb(m.Topic())
	if len(verb) > maxVerb {
		return
	}
	c := message{verb: strings.Clone(verb), at: i.now()}
	if len(m.Payload()) <= maxRequest {
		c.payload = append([]byte{}, m.Payload()...)
	}
	select {
	case i.requests <- c:
	default:
		i.refuse(c)
	}
}

func (i *inbox) refuse(c message) {
	r := refusal{c.verb, strings.Clone(transaction(c.payload))}
	if len(r.transaction) > maxTransaction || !i.refused.put(r) {
		i.lost.Add(1)
	}
}
