package ingest

import "time"

// Where a start comes from, as store.Clip.StartSource.
const (
	fromContainer = "container"
	fromName      = "name"
	fromMtime     = "mtime"
)

const (
	day         = 24 * time.Hour
	quarterHour = 15 * time.Minute
	// agreement is how far two tellings of one start may be apart: containers are written a little before or after the
	// name is made.
	agreement = time.Minute
)

// told is what is known about when a clip was recorded.
type told struct {
	path     string
	mtime    time.Time
	duration time.Duration
	created  time.Time // by the container; zero if it says nothing
	local    bool      // created is a wall clock without a zone, written as if in UTC
}

// start says when the clip started, and where that comes from: the container's time if it is believable, else the
// name's, else mtime minus duration.
func (t told) start(loc *time.Location) (time.Time, string) {
	end := t.mtime.Add(-t.duration)
	name, named := nearestName(t.path, end, loc)
	if created := t.created; !created.IsZero() {
		if t.local {
			created = inZone(created, loc, end)
		}
		if t.believable(created, name, named) {
			return created.UTC(), fromContainer
		}
	}
	if named {
		return name.UTC(), fromName
	}
	return end.UTC(), fromMtime
}

// believable says whether the container's time agrees with the name's or, where there is none within a day, the file's.
func (t told) believable(created, name time.Time, named bool) bool {
	start := t.mtime.Add(-t.duration)
	if named && within(created, name, day) {
		start = name
	}
	off := created.Sub(start)
	switch {
	case off.Abs() > day:
		return false
	case t.duration > agreement && (off-t.duration).Abs() < off.Abs():
		return false // phones write the end
	case off.Abs() <= agreement:
		return true
	}
	return !quartersOff(off) // cameras that write local time as UTC
}

func within(a, b time.Time, d time.Duration) bool { return a.Sub(b).Abs() <= d }

func quartersOff(d time.Duration) bool {
	rest := d.Abs() % quarterHour
	return min(rest, quarterHour-rest) <= agreement
}

// nearestName returns the reading of the path's digits that is nearest to the time the file itself tells.
func nearestName(path string, near time.Time, loc *time.Location) (best time.Time, ok bool) {
	consider := func(t time.Time, slack time.Duration) {
		if slack != 0 && !within(t, near, slack) {
			return
		}
		if !ok || t.Sub(near).Abs() < best.Sub(near).Abs() {
			best, ok = t, true
		}
	}
	for _, s := range nameTimes(path) {
		if s.zoned {
			consider(s.wall.Add(-s.east), s.slack)
		}
		if !s.zoned || s.unsure {
			consider(inZone(s.wall, loc, near), s.slack)
		}
	}
	return best, ok
}

// inZone is the instant at which clocks in loc showed wall (written as if in UTC). Of two such instants, as when
// summer time ends, it is the one nearest to near; where there is none, as when summer time starts, the clock is read
// as if it had not been put forward.
func inZone(wall time.Time, loc *time.Location, near time.Time) time.Time {
	before, after := offsetAt(wall.Add(-day), loc), offsetAt(wall.Add(day), loc)
	early, late := wall.Add(-before), wall.Add(-after)
	isEarly, isLate := offsetAt(early, loc) == before, offsetAt(late, loc) == after
	switch {
	case isEarly && isLate:
		if late.Sub(near).Abs() < early.Sub(near).Abs() {
			return late
		}
		return early
	case isLate:
		return late
	}
	return early
}

func offsetAt(t time.Time, loc *time.Location) time.Duration {
	_, seconds := t.In(loc).Zone()
	return time.Duration(seconds) * time.Second
}
