package httpd

import (
	"net/url"
	"strings"
	"time"

	"clipd/device/httpd/web"
	"clipd/store"
)

// pageClips is how many clips one piece of the page has.
const pageClips = 48

// filter is what the page is narrowed to. Its parameters are the page's: they name a day where the API has a span.
type filter struct {
	camera, day    string
	pinned, pushed *bool
	from, to       time.Time // of day
}

// filterOf reads the filter. The page's form sends empty values for what is not narrowed.
func filterOf(p *params) filter {
	for name, values := range p.values {
		if values[0] == "" {
			p.values.Del(name)
		}
	}
	f := filter{camera: p.text("camera"), day: p.text("day"), pinned: p.flag("pinned"), pushed: p.flag("pushed")}
	if f.day == "" {
		return f
	}
	day, err := time.ParseInLocation(time.DateOnly, f.day, p.zone)
	if err != nil {
		p.fail("day is malformed", "Use a date such as 2026-11-22.")
	}
	f.from, f.to = day, day.AddDate(0, 0, 1) // 23, 24 or 25 hours
	return f
}

func (f filter) query() store.Query {
	return store.Query{Camera: f.camera, From: f.from, To: f.to, Pinned: f.pinned, Pushed: f.pushed}
}

// address is the page under this filter with more parameters, in pairs, relative to the page.
func (f filter) address(pairs ...string) web.Ref {
	q := url.Values{}
	all := append([]string{"camera", f.camera, "day", f.day, "pinned", flagText(f.pinned), "pushed", flagText(f.pushed)}, pairs...)
	for i := 0; i+1 < len(all); i += 2 {
		if all[i+1] != "" {
			q.Set(all[i], all[i+1])
		}
	}
	if len(q) == 0 {
		return "./"
	}
	return web.Ref("./?" + q.Encode())
}

func flagText(v *bool) string {
	switch {
	case v == nil:
		return ""
	case *v:
		return "true"
	}
	return "false"
}

func (f filter) player(id store.ID) web.Ref {
	if id.IsZero() {
		return ""
	}
	return f.address("clip", id.String())
}

func (s *Server) showClips(page *web.Page, f filter, cursor string) error {
	_, last := s.cfg.Store.Journal() // before the list is read: what happens from now on, the stream tells
	v := &web.Clips{
		Folder: s.cfg.Root.Dir(), Operator: page.Role >= web.Operator,
		Filter: web.Filter{Camera: f.camera, Day: f.day, Pinned: flagText(f.pinned), Pushed: flagText(f.pushed)},
	}
	if err := s.showSome(v, f, cursor, last); err != nil {
		return err
	}
	if err := s.showFrame(v, f); err != nil {
		return err
	}
	if len(v.Days) == 0 && cursor == "" {
		page.Refresh = 5 // the first clip shows up by itself
	}
	page.Title, page.View, page.Data = strings.TrimSpace(f.day+" "+text(f.camera)), v, s.scriptData(last)
	return nil
}

// showSome is the piece of the list at cursor. On the first one stands what has just arrived.
func (s *Server) showSome(v *web.Clips, f filter, cursor string, last uint64) error {
	q := f.query()
	q.Cursor, q.Limit = cursor, pageClips
	list, err := s.cfg.Store.List(q)
	if err != nil {
		return err
	}
	fresh := map[store.ID]bool{}
	if cursor == "" {
		if fresh, err = s.arrived(last); err != nil {
			return err
		}
	}
	rest, apart := s.apart(list.Clips, fresh, f)
	v.Days, v.Arrived = s.days(rest, fresh, f), s.inWords(apart, fresh, f)
	s.around(v, f, cursor, list.Next)
	return nil
}

// showFrame is what stands around the list.
func (s *Server) showFrame(v *web.Clips, f filter) error {
	cameras, err := s.cfg.Store.Cameras()
	if err != nil {
		return err
	}
	totals, err := s.cfg.Store.Totals()
	if err != nil {
		return err
	}
	v.Summary, v.Notice, v.Cameras = summary(totals), s.notice(totals), choices(cameras, f)
	if totals.Clips > 0 {
		v.Strip, err = s.strip(f)
	}
	return err
}

// around is where the list goes on, and how it gets wider.
func (s *Server) around(v *web.Clips, f filter, cursor, next string) {
	if next != "" {
		v.Older = f.address("cursor", next)
	}
	if cursor != "" {
		v.Newest = f.address()
	}
	if f != (filter{}) {
		v.Everyone = "./"
	}
}

// choices are the cameras to filter by, all of them first.
func choices(cameras []store.Camera, f filter) []web.Choice {
	chosen := f.camera
	f.camera = ""
	all := []web.Choice{{Name: "All cameras", Address: f.address(), Chosen: chosen == ""}}
	for _, c := range cameras {
		f.camera = c.Name
		all = append(all, web.Choice{Name: text(c.Name), Address: f.address(), Chosen: c.Name == chosen})
	}
	return all
}

// days groups clips, which come in order, by the box's days.
func (s *Server) days(clips []store.Clip, fresh map[store.ID]bool, f filter) []web.Day {
	var days []web.Day
	for _, v := range s.inWords(clips, fresh, f) {
		if len(days) == 0 || days[len(days)-1].Date != v.Date {
			days = append(days, web.Day{Name: v.Day, Date: v.Date})
		}
		last := &days[len(days)-1]
		last.Clips = append(last.Clips, v)
	}
	return days
}

func (s *Server) inWords(clips []store.Clip, fresh map[store.ID]bool, f filter) []web.Clip {
	all := make([]web.Clip, len(clips))
	for i, c := range clips {
		all[i] = s.inShort(c, f)
		all[i].New = fresh[c.ID]
	}
	return all
}
