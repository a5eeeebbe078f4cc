package httpd

import (
	"math"
	"time"

	"clipd/device/httpd/web"
)

// stripDays is how many days the row of days has.
const stripDays = 31

// strip is the row of days around f's day, ending today where that is not too long ago. The counts are the index's.
func (s *Server) strip(f filter) (*web.Strip, error) {
	today := midnight(s.cfg.Clock.Now().In(s.cfg.Location))
	last := today
	if !f.from.IsZero() && f.from.Before(today.AddDate(0, 0, 1-stripDays)) {
		last = f.from.AddDate(0, 0, stripDays/2)
	} else if f.from.After(today) {
		last = f.from
	}
	shown := f.from
	if shown.IsZero() {
		shown = today
	}
	v := &web.Strip{
		Earlier: f.onDay(last.AddDate(0, 0, -stripDays)), Camera: text(f.camera), From: shown.UnixMilli(), To: shown.AddDate(0, 0, 1).UnixMilli(),
	}
	if last.Before(today) {
		v.Later = f.onDay(earliest(last.AddDate(0, 0, stripDays), today))
	}
	counts := make([]int, stripDays)
	most := 0
	for i := range counts {
		day := last.AddDate(0, 0, i+1-stripDays)
		n, err := s.clipsOn(day, f.camera)
		if err != nil {
			return nil, err
		}
		counts[i], most = n, max(most, n)
	}
	for i, n := range counts {
		v.Days = append(v.Days, cell(last.AddDate(0, 0, i+1-stripDays), n, most, f))
	}
	return v, nil
}

// clipsOn counts the clips of camera ("" for all) on day. A step longer than any day makes one sum of it.
func (s *Server) clipsOn(day time.Time, camera string) (n int, err error) {
	spans, err := s.cfg.Store.Timeline(camera, day, day.AddDate(0, 0, 1), 48*time.Hour)
	for _, v := range spans {
		n += v.Clips
	}
	return n, err
}

// cell is a day with n clips, where the fullest has most.
func cell(day time.Time, n, most int, f filter) web.StripDay {
	v := web.StripDay{
		Date: day.Format(time.DateOnly), Number: itoa(int64(day.Day())), Label: day.Format("Mon 2 January 2006") + ", " + clipCount(n),
		Address: f.onDay(day), Chosen: day.Equal(f.from), Weekend: day.Weekday() == time.Saturday || day.Weekday() == time.Sunday,
	}
	if day.Day() == 1 {
		v.Month = day.Format("Jan")
	}
	if n > 0 {
		v.Level = 1 + int(math.Round(3*float64(n)/float64(most)))
	}
	return v
}

// onDay is the page under f, but on day.
func (f filter) onDay(day time.Time) web.Ref {
	f.day = day.Format(time.DateOnly)
	return f.address()
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func clipCount(n int) string {
	if n == 1 {
		return "1 clip"
	}
	return count(n) + " clips"
}
