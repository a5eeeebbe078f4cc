package mdns

import "time"

// RFC 6762 §8.1: after so many conflicts within a time, each further attempt to have the name waits.
const (
	manyConflicts = 15
	manyWithin    = 10 * time.Second
	manyRest      = 5 * time.Second
)

// conflicts counts how often somebody else had the name. The zero value is ready for use.
type conflicts struct {
	since time.Time // of the first that is counted
	n     int
	until time.Time // when the next attempt is due, once there were many
}

// rest notes a conflict at now and returns how long the next attempt waits. Further ones do not put that attempt off.
func (c *conflicts) rest(now time.Time) time.Duration {
	if now.Sub(c.since) > manyWithin {
		c.since, c.n = now, 0
	}
	if c.n++; c.n < manyConflicts {
		return 0
	}
	if !c.until.After(now) {
		c.until = now.Add(manyRest)
	}
	return c.until.Sub(now)
}
