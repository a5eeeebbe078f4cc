package announce

import (
	"math/rand/v2"
	"time"
)

// window is how many messages may wait for their PUBACK at once.
const window = 16

// page is how many journal rows are in memory at once.
const page = 64

// limits are the times of sessions. Tests of faults shorten them.
type limits struct {
	connect time.Duration // from dialling to CONNACK
	write   time.Duration // for one packet to leave; paho waits for ever at 0
	ack     time.Duration // from the publication of the oldest unacknowledged message to its PUBACK
	goodbye time.Duration // for offline and what is under way to be acknowledged at a stop
	beat    time.Duration // between two signs of life

	backoffMin, backoffMax time.Duration // between two sessions

	stateEvery time.Duration // the state is published at least this often,
	stateMin   time.Duration // and changes of it at most this often
	gapQuiet   time.Duration // an open run of skipped rows is told when none followed for this long,
	gapMax     time.Duration // and at the latest after this

	birthMin, birthMax time.Duration // after Home Assistant has come up until it gets its document again, at random between them

	contested time.Duration // a session shorter than this that the broker ended may be a take-over
}

var defaultLimits = limits{
	connect: 10 * time.Second, write: 10 * time.Second, ack: 20 * time.Second, goodbye: 3 * time.Second,
	beat: 5 * time.Second, backoffMin: time.Second, backoffMax: time.Minute,
	stateEvery: 5 * time.Minute, stateMin: 10 * time.Second,
	gapQuiet: 2 * time.Second, gapMax: 30 * time.Second,
	birthMin: time.Second, birthMax: 10 * time.Second, contested: time.Minute,
}

// birth is when to send the document after a birth: all boxes of a house hear of it at once.
func (l limits) birth() time.Duration { return l.birthMin + rand.N(l.birthMax-l.birthMin+1) }
