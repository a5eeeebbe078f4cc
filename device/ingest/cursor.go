package ingest

import (
	"strings"
	"time"
)

// cursor reads a name from its start; what was read is gone from s.
type cursor struct{ s string }

// number reads exactly width digits, with a value of at most most. It reads nothing where that is not there.
func (c *cursor) number(width, most int) (int, bool) {
	if len(c.s) < width || !allDigits(c.s[:width]) {
		return 0, false
	}
	n := number(c.s[:width])
	if n > most {
		return 0, false
	}
	c.s = c.s[width:]
	return n, true
}

// skip reads one character if it is one of chars.
func (c *cursor) skip(chars string) bool {
	if c.s == "" || strings.IndexByte(chars, c.s[0]) < 0 {
		return false
	}
	c.s = c.s[1:]
	return true
}

// literal reads text if it is next.
func (c *cursor) literal(text string) bool {
	rest, ok := strings.CutPrefix(c.s, text)
	c.s = rest
	return ok
}

// date reads year, month and day, with any one of "-_./" or nothing between each, if there is such a day.
func (c *cursor) date() (time.Time, bool) {
	year, ok := c.number(4, maxYear)
	if !ok || year < minYear {
		return time.Time{}, false
	}
	c.skip("-_./")
	month, ok := c.number(2, 12)
	if !ok {
		return time.Time{}, false
	}
	c.skip("-_./")
	day, ok := c.number(2, 31)
	if !ok {
		return time.Time{}, false
	}
	d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return d, d.Day() == day && d.Month() == time.Month(month)
}

// joint reads what stands between a date and a time. It is false where no time can follow.
func (c *cursor) joint() bool {
	for _, text := range []string{"_at_", " at ", ", ", "--", "__"} {
		if c.literal(text) {
			return true
		}
	}
	c.skip("T_- .@t")
	return c.s != "" && isDigit(c.s[0])
}

// timeOfDay reads hour, minute and (where there is one) second behind day, a fraction and a zone.
func (c *cursor) timeOfDay(day time.Time) (stamp, bool) {
	clock, short, ok := c.clock()
	if !ok {
		return stamp{}, false
	}
	s := stamp{wall: day.Add(clock), short: short}
	if !short {
		s.wall = s.wall.Add(c.subsecond())
	}
	if digits(c.s) > 0 {
		return stamp{}, false // the digits go on: they were no time
	}
	if s.east, s.zoned, s.unsure = c.zone(); short && !s.zoned {
		s.slack = serialSlack
	}
	return s, true
}

// clock reads 075501, 07-55-01, 07:55:01, 07.55.01, 07h55m01s, and (short) 07-55 or 0755 where no second follows.
func (c *cursor) clock() (t time.Duration, short, ok bool) {
	hour, ok := c.number(2, 23)
	if !ok {
		return 0, false, false
	}
	apart := c.skip("-_.:h")
	minute, ok := c.number(2, 59)
	if !ok {
		return 0, false, false
	}
	t = time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	before := *c
	if apart && !c.skip("-_.:m") {
		return t, true, true
	}
	second, ok := c.number(2, 60) // 60 is a leap second (POSIX strftime %S): the minute after
	if !ok || (apart && digits(c.s) > 0) {
		*c = before
		return t, true, true
	}
	c.skip("s")
	return t + time.Duration(second)*time.Second, false, true
}

// subsecond reads a fraction behind a second: .123 or ,123456 or (as some names do) directly; behind a dash only what
// strftime's %f or milliseconds give, since a serial number or an end time stands there too.
func (c *cursor) subsecond() time.Duration {
	before := *c
	separator := byte(0)
	if c.skip(".,-_") {
		separator = before.s[0]
	}
	n := digits(c.s)
	ends := n == len(c.s) || !isLetter(c.s[n])
	switch {
	case separator == '_' && n == 3 && ends, separator == '-' && (n == 3 || n == 6) && ends:
		return c.fraction()
	case (separator == 0 || separator == '.' || separator == ',') && n >= 3 && n <= 9:
		return c.fraction()
	}
	*c = before
	return 0
}

// fraction reads digits behind a decimal point.
func (c *cursor) fraction() time.Duration {
	n := digits(c.s)
	t, unit := time.Duration(0), time.Second
	for i := range n {
		unit /= 10
		t += time.Duration(c.s[i]-'0') * unit
	}
	c.s = c.s[n:]
	return t
}

// zone reads Z, UTC, +0100, +01:00 or -0500. unsure: it may be a serial number as well.
func (c *cursor) zone() (east time.Duration, zoned, unsure bool) {
	if c.literal("UTC") || c.literal("_UTC") || c.literal("Z") {
		if c.s == "" || !isLetter(c.s[0]) {
			return 0, true, false
		}
	}
	before := *c
	west := c.s != "" && c.s[0] == '-'
	if !c.skip("+-") {
		return 0, false, false
	}
	hour, ok := c.number(2, 14)
	colon := ok && c.skip(":")
	minute, whole := c.number(2, 45)
	if !ok || !whole || minute%15 != 0 || digits(c.s) > 0 {
		*c = before
		return 0, false, false
	}
	east = time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	if west {
		east = -east
	}
	return east, true, west && !colon
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
