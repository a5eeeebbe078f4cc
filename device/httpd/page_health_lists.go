package httpd

import (
	"clipd/device/api"
	"clipd/device/httpd/web"
)

// healthTables are the lists that have something in them.
func (s *Server) healthTables(st api.Status) (all []web.Table, err error) {
	for _, list := range []func(api.Status) (web.Table, error){s.pushTable, s.consumerTable, s.partialTable} {
		t, err := list(st)
		if err != nil {
			return nil, err
		}
		if len(t.Lines) > 0 {
			all = append(all, t)
		}
	}
	return all, nil
}

func (s *Server) pushTable(st api.Status) (web.Table, error) {
	t := web.Table{Title: "Pushes", Columns: []string{"Clip", "Target", "Size", "Tries", "Last error"}}
	page, err := s.cfg.Store.Pushes("", tableLines)
	for _, p := range page {
		said := text(p.Error)
		if p.Dead {
			said += " (given up)"
		}
		t.Lines = append(t.Lines, []string{p.ID.String(), text(p.Lane()), size(p.Size), count(p.Attempts), said})
	}
	t.More = more(st.Push.Waiting+st.Push.Dead, len(page), "/api/v1/pushes")
	return t, err
}

func (s *Server) consumerTable(api.Status) (web.Table, error) {
	t := web.Table{Title: "Consumers", Columns: []string{"Name", "Has", "Lacks", "Last seen"}}
	all, err := s.cfg.Store.Consumers()
	for _, c := range all {
		t.Lines = append(t.Lines, []string{text(c.Name), count(c.Acked), count(c.Lacks), c.Seen.In(s.cfg.Location).Format("2 January 2006, 15:04")})
	}
	return t, err
}

func (s *Server) partialTable(st api.Status) (web.Table, error) {
	t := web.Table{Title: "Files that are no clips yet", Columns: []string{"File", "Size", "Why"}}
	page, err := s.cfg.Store.Partials("", tableLines)
	for _, p := range page {
		t.Lines = append(t.Lines, []string{text(p.Path), size(p.Size), text(p.Reason)})
	}
	t.More = more(st.Partial, len(page), "/api/v1/partial")
	return t, err
}

// more says how many are not listed and where they are.
func more(all, shown int, where string) string {
	if all <= shown {
		return ""
	}
	return "And " + count(all-shown) + " more; " + where + " lists them all."
}
