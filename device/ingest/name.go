package ingest

import (
	"strings"
	"time"
)

// Years a recorder's name may carry; a number outside them is something else.
const (
	minYear = 1970
	maxYear = 2199
)

// stamp is a time as a file name tells it: the digits of a wall clock, and the zone if the name has one.
type stamp struct {
	wall  time.Time // year to nanosecond, written as if in UTC
	zoned bool      // the name says which zone:
	east  time.Duration
	// unsure: the zone is a minus and four digits, which is a serial number just as often ("…-0100").
	unsure bool
	short  bool // to the minute only
	// slack is how far this reading may be from the file's own time and still be one; 0 is any distance.
	slack time.Duration
}

const (
	// epochSlack: a bare number is seconds since 1970 only if that makes some sense.
	epochSlack = 366 * day
	// serialSlack: four digits behind a date are a serial number just as often.
	serialSlack = 2 * time.Hour
)

// nameTimes returns the times file, a path relative to the root, may be telling, likeliest first. There is more than
// one where digits can be read in two ways; the caller takes the one nearest to the file's own time.
func nameTimes(file string) []stamp {
	folders, base := splitBase(file)
	var found []stamp
	if s, ok := fullStamp(base); ok {
		found = append(found, s)
	} else if s, ok := folderStamp(folders, base); ok {
		found = append(found, s)
	}
	if s, ok := epochStamp(base); ok {
		found = append(found, s)
	}
	return found
}

// splitBase returns file's folders and its last element without the extension.
func splitBase(file string) (folders []string, base string) {
	elements := strings.Split(file, "/")
	base = elements[len(elements)-1]
	if i := strings.LastIndexByte(base, '.'); i > 0 {
		base = base[:i]
	}
	return elements[:len(elements)-1], base
}

// fullStamp finds a date with a time behind it in one name: Motion's 01-20261122075501, MediaMTX'
// 2026-11-22_07-55-01-123456, strftime's 20261122T075501+0100, TeslaCam's 2026-11-22_07-55-01-front.
func fullStamp(name string) (stamp, bool) {
	for i := range len(name) {
		if !isDigit(name[i]) || (i > 0 && isDigit(name[i-1])) {
			continue
		}
		c := cursor{name[i:]}
		if d, ok := c.date(); ok && c.joint() {
			if s, ok := c.timeOfDay(d); ok {
				return s, true
			}
		}
	}
	return stamp{}, false
}

// folderStamp joins a date from the folders with a time at the start of the name: motionEye's 2026-11-22/07-55-01,
// Frigate's 2026-11-22/07/front/55.01 (in UTC), 20261122/07/55, 2026/11/22/07-55-01.
func folderStamp(folders []string, base string) (stamp, bool) {
	d, at, ok := folderDate(folders)
	if !ok {
		return stamp{}, false
	}
	c := cursor{base}
	whole, ok := c.timeOfDay(d)
	if ok && !whole.short {
		return whole, true
	}
	if hour, between, found := folderHour(folders, at); found {
		return minuteStamp(d.Add(hour), base, between)
	}
	return whole, ok
}

// folderHour reads the hour from the date's own folder, 2026112207, or the one below it, and counts the folders between
// the hour and the file.
func folderHour(folders []string, date int) (hour time.Duration, between int, ok bool) {
	digits, between := "", len(folders)-1-date
	if name := folders[date]; len(name) == 10 && allDigits(name) {
		digits = name[8:]
	} else if between > 0 && len(folders[date+1]) == 2 && allDigits(folders[date+1]) {
		digits, between = folders[date+1], between-1
	}
	if digits == "" || number(digits) > 23 {
		return 0, 0, false
	}
	return time.Duration(number(digits)) * time.Hour, between, true
}

// minuteStamp reads what is left of a time when folders say date and hour: "55.01", "55-01", "55M01S", "55". With one
// folder between hour and name it is Frigate's, which writes UTC.
func minuteStamp(hour time.Time, base string, between int) (stamp, bool) {
	c := cursor{base}
	minute, ok := c.number(2, 59)
	if !ok {
		return stamp{}, false
	}
	second := 0
	if c.skip(".-_M") || digits(c.s) == 2 {
		if second, ok = c.number(2, 59); !ok {
			return stamp{}, false
		}
		c.skip("S")
	}
	if c.s != "" && isDigit(c.s[0]) {
		return stamp{}, false
	}
	wall := hour.Add(time.Duration(minute)*time.Minute + time.Duration(second)*time.Second)
	return stamp{wall: wall, zoned: between == 1}, true
}

// folderDate finds the nearest folder that is a date (with an hour behind it, or without), or three that are year, month
// and day; at is the index of the last of them.
func folderDate(folders []string) (d time.Time, at int, ok bool) {
	for i := len(folders) - 1; i >= 0; i-- {
		c := cursor{folders[i]}
		if d, ok := c.date(); ok && (c.s == "" || len(c.s) == 2 && allDigits(folders[i])) {
			return d, i, true
		}
		if i < 2 {
			continue
		}
		c = cursor{folders[i-2] + "/" + folders[i-1] + "/" + folders[i]}
		if d, ok := c.date(); ok && c.s == "" {
			return d, i, true
		}
	}
	return time.Time{}, 0, false
}

// epochStamp finds seconds (or milli-, micro- or nanoseconds) since 1970: 1795330501, 1795330501.123456-abc.
func epochStamp(name string) (stamp, bool) {
	for i := 0; i < len(name); i++ {
		n := digits(name[i:])
		scale, ok := epochScale[n]
		if ok {
			v := int64(0)
			for _, c := range name[i : i+n] {
				v = v*10 + int64(c-'0')
			}
			perSecond := int64(time.Second / scale)
			at := time.Unix(v/perSecond, v%perSecond*int64(scale)).UTC()
			c := cursor{name[i+n:]}
			if scale == time.Second && c.skip(".") {
				at = at.Add(c.fraction())
			}
			y := at.Year() // of 19 digits, some are more than an int64 holds
			return stamp{wall: at, zoned: true, slack: epochSlack}, y >= minYear && y <= maxYear
		}
		i += max(n-1, 0)
	}
	return stamp{}, false
}

// epochScale is the unit of a number with so many digits.
var epochScale = map[int]time.Duration{10: time.Second, 13: time.Millisecond, 16: time.Microsecond, 19: time.Nanosecond}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits counts the digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func allDigits(s string) bool { return s != "" && digits(s) == len(s) }

// number is the value of a few decimal digits.
func number(s string) int {
	n := 0
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}
