package httpd

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"clipd/device/api"
	"clipd/device/httpd/web"
	"clipd/store"
)

// tableLines is how many lines each list of the page has.
const tableLines = 20

// healthPage says how the box is. With POST an admin answers what it asks.
func (s *Server) healthPage(w http.ResponseWriter, r *http.Request, as caller) error {
	status, problem, done := http.StatusOK, "", ""
	if r.Method == http.MethodPost {
		if err := formOf(w, r); err != nil {
			return err
		}
		said, err := s.answerHealth(r, as)
		var p *api.Problem
		if err != nil {
			p = ProblemOf(err)
			if p.Type == api.Internal || errors.Is(err, errUnknownButton) {
				return err
			}
			status, problem = p.Status, p.Title+". "+p.Detail
		}
		done = said
	}
	view, err := s.healthView(as)
	if err != nil {
		return err
	}
	view.Done = done
	if problem != "" {
		view.Problems = slices.Insert(view.Problems, 0, problem)
	}
	s.adminPage(w, r, as, status, "Health", view)
	return nil
}

// answerHealth does what an admin chose.
func (s *Server) answerHealth(r *http.Request, as caller) (done string, err error) {
	switch r.PostForm.Get("do") {
	case "expire":
		if err := s.cfg.ConfirmRetention(r.Context(), r.PostForm.Get("token")); err != nil {
			return "", err
		}
		s.cfg.Log.Info("deletion confirmed", "by", as.token.Name)
		return "They go now.", nil
	case "adopt":
		return "The disk is the box’s own now, and is being read.", s.adoptDisk(r, as)
	}
	return "", errUnknownButton
}

func (s *Server) healthView(as caller) (web.Health, error) {
	st := s.cfg.Status()
	v := web.Health{Problems: slices.Clone(st.Problems), Log: as.role() >= store.Admin}
	for i := range v.Problems {
		v.Problems[i] = text(v.Problems[i])
	}
	kept, err := s.cfg.Retention()
	if err != nil {
		kept.Off = "its forecast failed: " + text(err.Error())
	}
	if kept.Asks != nil {
		v.Ask = &web.Ask{Text: text(kept.Asks.Text)}
		if as.role() >= store.Admin {
			v.Ask.Token = kept.Asks.Token
		}
	}
	v.Adopt = as.role() >= store.Admin && !s.cfg.Root.State().Present
	v.Disk, v.Scan = diskMeter(st), scanMeter(st.Scan)
	v.Facts = s.facts(st, kept)
	v.Tables, err = s.healthTables(st)
	return v, err
}

func diskMeter(st api.Status) *web.Meter {
	if st.Disk == nil || st.Disk.Total == 0 {
		return nil
	}
	percent := int(math.Round(100 * float64(st.Disk.Used) / float64(st.Disk.Total)))
	return &web.Meter{Label: "Disk", Percent: percent, Bad: percent >= 95,
		Words: fmt.Sprintf("%s of %s used, %s free; clips have %s", size(st.Disk.Used), size(st.Disk.Total), size(st.Disk.Free), size(st.BytesUsed))}
}

// passes are what a scan does, in order.
var passes = []string{"", "finding files", "reading what they are", "making check sums"}

func scanMeter(p api.Scan) *web.Meter {
	if !p.Scanning {
		return nil
	}
	m := &web.Meter{Label: "Scan", Words: fmt.Sprintf("%s: %s of %s files", passes[min(max(p.Pass, 0), 3)], count(p.Done), count(max(p.Done, p.Total)))}
	if p.Total > 0 {
		m.Percent = min(100, 100*p.Done/p.Total)
	}
	return m
}

// facts are what can be said in a few words each.
func (s *Server) facts(st api.Status, kept api.Retention) []web.Fact {
	facts := []web.Fact{
		{Label: "Clips", Value: count(st.Clips), Note: s.since(st.Oldest.Time)},
		leftFact(kept),
		brokerFact(st.Broker),
		pushFact(st.Push),
		{Label: "Downloads under way", Value: count(st.Transfers)},
		{Label: "Memory", Value: size(st.Memory), Note: "of clipd"},
		clockFact(st.ClockSynced),
		{Label: "Running for", Value: span(time.Duration(st.Uptime * float64(time.Second))), Note: "clipd " + st.Version},
		{Label: "Box", Value: st.Box, Note: text(st.Model)},
	}
	if st.Celsius != nil {
		facts = append(facts, web.Fact{Label: "Temperature", Value: fmt.Sprintf("%.0f °C", *st.Celsius), Bad: *st.Celsius >= 80})
	}
	if st.TLS != nil {
		facts = append(facts, web.Fact{Label: "HTTPS", Value: "until " + s.date(st.TLS.NotAfter.Time), Note: "certificate for " + text(strings.Join(st.TLS.Names, ", "))})
	}
	return facts
}

func (s *Server) date(t time.Time) string { return t.In(s.cfg.Location).Format("2 January 2006") }

func (s *Server) since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return "since " + s.date(t)
}

func leftFact(kept api.Retention) web.Fact {
	f := web.Fact{Label: "Disk full in", Value: "not foreseeable", Note: kept.Off}
	if kept.DaysLeft != nil {
		f.Value, f.Bad = left(int(*kept.DaysLeft)), *kept.DaysLeft < 3
		f.Note = "at the present rate"
	}
	return f
}

func left(days int) string {
	switch years := days / 365; {
	case years > 10:
		return "over 10 years"
	case years > 1:
		return plural(years, "year")
	}
	return plural(days, "day")
}

func brokerFact(b api.BrokerStatus) web.Fact {
	f := web.Fact{Label: "Broker", Value: "connected", Note: text(b.URL)}
	switch {
	case b.URL == "none":
		f.Value, f.Note = "none", "clips are not announced"
	case !b.Connected:
		f.Value, f.Bad = "not connected", true
		if b.Error != "" {
			f.Note += ": " + text(b.Error)
		}
	case b.Waiting > 0:
		f.Note += ", " + count(int(b.Waiting)) + " events to announce"
	}
	return f
}

func pushFact(p api.PushStatus) web.Fact {
	f := web.Fact{Label: "Pushes", Value: count(p.Waiting) + " waiting", Bad: p.Dead > 0}
	var notes []string
	if !p.On {
		notes = append(notes, "switched off")
	}
	if p.Dead > 0 {
		notes = append(notes, count(p.Dead)+" given up")
	}
	for _, u := range p.UnderWay {
		notes = append(notes, size(u.Sent)+" of "+size(u.Size)+" sent to "+text(u.Target))
	}
	f.Note = strings.Join(notes, ", ")
	return f
}

func clockFact(synced bool) web.Fact {
	if synced {
		return web.Fact{Label: "Clock", Value: "trusted", Note: "set from the network"}
	}
	return web.Fact{Label: "Clock", Value: "not trusted", Note: "not set from the network since the start; nothing is deleted by age", Bad: true}
}

// span is a length of time in its largest unit, and hours beside days.
func span(d time.Duration) string {
	switch days, hours := int(d.Hours())/24, int(d.Hours()); {
	case days > 0:
		return plural(days, "day") + ", " + plural(hours%24, "hour")
	case hours > 0:
		return plural(hours, "hour")
	}
	return plural(int(d.Minutes()), "minute")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return count(n) + " " + word + "s"
}
