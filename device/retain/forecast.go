package retain

import (
	"math"
	"time"

	"clipd/store"
)

const (
	rateOver  = 7 * 24 * time.Hour // what recorders bring is averaged over
	rateLeast = time.Hour          // less tells nothing about it
	day       = 24 * time.Hour
)

// Forecast is when the file system will be full.
type Forecast struct {
	Days   float64 // until then
	FullAt time.Time
	Full   bool // false: a rule prevents it, or it is not known
}

// DaysLeft is Days as it travels, rounded so that it does not change all the time; nil where the file system will not be full.
func (f Forecast) DaysLeft() *float64 {
	if !f.Full {
		return nil
	}
	days := math.Round(f.Days*10) / 10
	if days >= 10 {
		days = math.Round(days)
	}
	return &days
}

// Forecast tells when the file system will be full as things go on. It reads the hourly counts of a week.
func (r *Retainer) Forecast() (Forecast, error) {
	rate, err := r.rate()
	if err != nil || rate <= 0 {
		return Forecast{}, err
	}
	free, total, err := r.Free()
	if err != nil {
		return Forecast{}, err
	}
	totals, err := r.Store.Totals()
	if err != nil {
		return Forecast{}, err
	}
	off := r.whyOff()
	r.mu.Lock()
	defer r.mu.Unlock()
	room := totals.Bytes + free
	switch {
	case off != "": // then no rule prevents anything
	case r.Rules.floor(total) > 0, r.Rules.Size > 0 && r.Rules.Size < room:
		return Forecast{}, nil
	case len(r.Rules.Classes) == 0 && r.Rules.Age > 0 && r.keep.ask == nil && rate*r.Rules.Age.Seconds() < float64(room):
		return Forecast{}, nil
	}
	left := time.Duration(min(float64(free)/rate, 100*365*day.Seconds()) * float64(time.Second))
	return Forecast{Days: left.Hours() / 24, FullAt: r.Clock.Now().Add(left), Full: true}, nil
}

// rate is how many bytes the recorders bring in a second, 0 where that is not known yet.
func (r *Retainer) rate() (float64, error) {
	now := r.Clock.Now()
	from := now.Add(-rateOver)
	spans, err := r.Store.Timeline("", from, now, time.Hour)
	if err != nil || len(spans) == 0 {
		return 0, err
	}
	if spans[0].From.After(from) {
		from = spans[0].From
	}
	var bytes int64
	for _, s := range spans {
		bytes += s.Bytes
	}
	return float64(bytes) / max(now.Sub(from), rateLeast).Seconds(), nil
}

// spaceAt is when a rule about space will reach a clip which has so many bytes before it in its order; ok is false where
// none will.
func spaceAt(b *broken, before int64, rate float64, now time.Time) (at time.Time, ok bool) {
	ahead := float64(before - b.over)
	if ahead <= 0 {
		return now, true
	}
	if rate <= 0 || ahead/rate > (100*365*day).Seconds() {
		return at, false
	}
	return now.Add(time.Duration(ahead / rate * float64(time.Second))), true
}

// oldest returns the oldest clips of each camera that are not pinned.
func (r *Retainer) oldest(each int) (clips []store.Clip, err error) {
	cameras, err := r.Store.Cameras()
	no := false
	for i := 0; i < len(cameras) && err == nil; i++ {
		var page store.Page
		page, err = r.Store.List(store.Query{Camera: cameras[i].Name, Pinned: &no, Order: store.OldestFirst, Limit: each})
		clips = append(clips, page.Clips...)
	}
	return clips, err
}
