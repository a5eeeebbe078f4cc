package retain

import (
	"time"

	"clipd/device/clock"
	"clipd/store"
)

const (
	// jump is how far a trusted clock must be set to have jumped; what is less is its drift, and followed.
	jump = time.Hour
	// maxEras bounds how many times in which the clock was behind are remembered.
	maxEras = 16
)

// unset is before any clip: a start before it comes from a clock that had not been set, and says nothing about age.
var unset = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

// timekeeper knows what time it is for the rule about age: the trusted wall clock, held against the uptime, so that a
// clock that jumps makes nothing old. Only one goroutine uses it.
type timekeeper struct {
	clock clock.Clock
	base  time.Time // the wall time at which the boot began, by the clock as it was first trusted; zero before
	seen  time.Duration
	eras  []era
}

// era is a time in which the clock was behind: what it showed from and to, and how far it was off.
type era struct {
	from, to time.Time
	off      time.Duration
}

// reading is the time as far as it is known.
type reading struct {
	now     time.Time     // never later than both the wall clock and what it should show
	ahead   time.Duration // how far the wall clock has jumped beyond now
	trusted bool
}

// read tells the time, and notes where the clock has been set.
func (k *timekeeper) read() reading {
	wall, up := k.clock.Now(), k.clock.Uptime()
	before := k.seen
	k.seen = up
	if !k.clock.Synced() {
		return reading{now: wall}
	}
	if k.base.IsZero() {
		k.base = wall.Add(-up)
	}
	should := k.base.Add(up)
	switch off := wall.Sub(should); {
	case off > jump:
		return reading{now: should, ahead: off, trusted: true}
	case off < -jump:
		k.behind(wall, up-before, -off)
	default:
		k.base = wall.Add(-up)
	}
	return reading{now: wall, trusted: true}
}

// accept takes the wall clock as it is now for right.
func (k *timekeeper) accept() { k.base = k.clock.Now().Add(-k.clock.Uptime()) }

// behind notes that the clock has shown too early a time since the last look.
func (k *timekeeper) behind(wall time.Time, since, off time.Duration) {
	if n := len(k.eras); n > 0 && (k.eras[n-1].off-off).Abs() < jump {
		k.eras[n-1].to = wall
		return
	}
	k.eras = append(k.eras, era{from: wall.Add(-since), to: wall, off: off})
	if len(k.eras) > maxEras {
		k.eras = k.eras[1:]
	}
}

// start is when c was recorded, as far as its age is concerned; ok is false where that is not known.
func (k *timekeeper) start(c *store.Clip) (start time.Time, ok bool) {
	start = c.Start
	for _, e := range k.eras {
		if c.BootID == k.clock.Boot && !c.Mtime.Before(e.from) && !c.Mtime.After(e.to.Add(jump)) {
			start = c.Start.Add(e.off)
		}
	}
	return start, !start.Before(unset)
}
