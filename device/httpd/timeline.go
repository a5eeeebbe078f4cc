package httpd

import (
	"net/http"
	"strings"
	"time"

	"clipd/device/api"
)

// maxSteps bounds what one timeline may ask the catalogue to add up.
const maxSteps = 10000

// timeline answers with how much each camera has in each step of a stretch of time, by default the hours of a day.
func (s *Server) timeline(w http.ResponseWriter, r *http.Request, _ caller) error {
	p := s.query(r, "camera", "from", "to", "step")
	from, to := p.span()
	step := p.duration("step", time.Hour)
	if step%time.Hour != 0 {
		p.fail("step is malformed", "Use whole hours.")
	}
	if to.IsZero() {
		to = s.cfg.Clock.Now()
	}
	if from.IsZero() {
		from = to.Add(-24 * time.Hour)
	}
	if p.err == nil && to.Sub(from)/step > maxSteps {
		p.fail("from and to are too far apart", "Use a longer step: a timeline has at most "+itoa(maxSteps)+" of them.")
	}
	if p.err != nil {
		return p.err
	}
	return s.writeTimeline(w, r, p.text("camera"), from, to, step)
}

func (s *Server) writeTimeline(w http.ResponseWriter, r *http.Request, camera string, from, to time.Time, step time.Duration) error {
	spans, err := s.cfg.Store.Timeline(camera, from, to, step)
	if err != nil {
		return err
	}
	type span struct {
		Camera string   `json:"camera"`
		From   api.Time `json:"from"`
		Clips  int      `json:"clips"`
		Bytes  int64    `json:"bytes"`
	}
	out := startArray(w, "spans")
	for _, v := range spans {
		name := strings.ToValidUTF8(v.Camera, "\uFFFD")
		if err := out.add(span{name, api.Time{Time: v.From}, v.Clips, v.Bytes}); err != nil {
			s.cut(r, err)
		}
	}
	out.end("from", api.Time{Time: from}, "to", api.Time{Time: to}, "step", step.Seconds())
	return nil
}
