package device

import (
	"errors"
	"fmt"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// name is how a request names its clip: by id, as the latest, or by an instant that it covers.
type name struct {
	id     store.ID
	camera string // "" for any
	at     time.Time
	wait   time.Duration
}

// name reads what r says; now is when r came.
func (t *requests) name(r api.Request, now time.Time) (n name, err error) {
	ways := 0
	for _, given := range []bool{r.ID != "", r.Latest, r.At != ""} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return n, invalid("The clip is not named in one way", "Give id, or latest, or at.")
	case r.ID != "" && r.Camera != "":
		return n, invalid("camera does not go with id", "An id is one clip's alone.")
	case r.Wait != "" && r.At == "":
		return n, invalid("wait goes with at only", "Leave it out.")
	}
	n.camera = r.Camera
	if r.ID != "" {
		if n.id, err = store.ParseID(r.ID); err != nil {
			return n, invalid("id is malformed", "A clip id has 16 characters, 0 to 9 and a to v.")
		}
	}
	if r.At != "" {
		err = t.instant(&n, r, now)
	}
	return n, err
}

func (t *requests) instant(n *name, r api.Request, now time.Time) (err error) {
	if n.at = now; r.At != "now" {
		if n.at, err = time.Parse(time.RFC3339, r.At); err != nil {
			return invalid("at is malformed", `Use "now" or a time such as 2026-11-22T07:55:01Z.`)
		}
	}
	n.wait, err = parseDuration(r.Wait)
	if err != nil || n.wait > maxWait {
		return invalid("wait is malformed or too long", fmt.Sprintf(`Use a duration such as "90s", at most %v.`, maxWait))
	}
	return nil
}

// errNotYet is a clip that may still come.
var errNotYet = errors.New("no clip covers that instant yet")

// find looks for j's clip; last: it is not looked for again.
func (t *requests) find(j *job, last bool) (err error) {
	switch n := j.names; {
	case !n.id.IsZero():
		j.clip, _, err = t.store.Clip(n.id)
	case n.at.IsZero():
		j.clip, err = t.store.Latest(n.camera)
	default:
		j.clip, err = t.covering(n.camera, n.at, last)
		if last && errors.Is(err, errNotYet) {
			return api.NewProblem(api.Timeout, "No clip covers "+api.Time{Time: n.at}.UTC().Format(time.RFC3339),
				"None was finished in time; a longer wait may help, if a recorder is running.")
		}
	}
	return err
}

// slack is how far the times of clips that follow each other may leave an instant uncovered: many a start is known to
// the second only.
const slack = time.Second

// overlapping is how many clips that began before an instant are looked at for one that still goes on.
const overlapping = 32

// covering returns the clip of camera ("" for any) that covers at. Where none does, although a later one shows that it
// would have come, or where this is the last look, it is the nearest within slack. errNotYet.
func (t *requests) covering(camera string, at time.Time, last bool) (store.Clip, error) {
	edge := at.Truncate(time.Millisecond).Add(time.Millisecond) // listings count to the millisecond
	before, err := t.store.List(store.Query{Camera: camera, To: edge, Limit: overlapping})
	if err != nil {
		return store.Clip{}, err
	}
	for _, c := range before.Clips {
		if at.Before(c.Start.Add(c.Duration)) {
			return c, nil
		}
	}
	after, err := t.store.List(store.Query{Camera: camera, From: edge, Order: store.OldestFirst, Limit: 1})
	if err != nil {
		return store.Clip{}, err
	}
	if len(after.Clips) == 0 && !last {
		return store.Clip{}, errNotYet
	}
	return nearest(append(before.Clips, after.Clips...), at)
}

func nearest(clips []store.Clip, at time.Time) (found store.Clip, err error) {
	best := slack + 1
	for _, c := range clips {
		distance := max(c.Start.Sub(at), at.Sub(c.Start.Add(c.Duration)))
		if distance < best {
			found, best = c, distance
		}
	}
	if best > slack {
		return found, errNotYet
	}
	return found, nil
}
