package httpd

import (
	"net/http"
	"net/url"

	"clipd/store"
)

// clips answers with a piece of the list of clips.
func (s *Server) clips(w http.ResponseWriter, r *http.Request, _ caller) error {
	q, err := s.clipQuery(r)
	if err != nil {
		return err
	}
	first, next, err := s.measure(q)
	if err != nil {
		return err
	}
	if next != "" {
		w.Header().Set("Link", s.nextLink(r, next))
	}
	return s.writeClips(w, r, q, first)
}

func (s *Server) clipQuery(r *http.Request) (store.Query, error) {
	p := s.query(r, "camera", "from", "to", "pinned", "pushed", "complete", "limit", "cursor", "order")
	q := clipFilter(p)
	q.Limit, q.Cursor = p.limit(), p.text("cursor")
	return q, p.err
}

// clipFilter is which clips, in which order.
func clipFilter(p *params) store.Query {
	q := store.Query{
		Camera: p.text("camera"), Pinned: p.flag("pinned"), Pushed: p.flag("pushed"), Complete: p.flag("complete"),
	}
	q.From, q.To = p.span()
	if p.choice("order", "newest", "oldest") == "oldest" {
		q.Order = store.OldestFirst
	}
	return q
}

// measure reads the first page of q and the cursor at its end. The end must be known before the first byte is sent,
// as it stands in a header; holding a thousand clips until then would cost more than reading them twice.
func (s *Server) measure(q store.Query) (first store.Page, next string, err error) {
	left := q.Limit
	q.Limit = min(left, pageRows)
	first, err = s.cfg.Store.List(q)
	next = first.Next
	for left -= len(first.Clips); err == nil && left > 0 && next != ""; {
		var page store.Page
		q.Cursor, q.Limit = next, min(left, pageRows)
		page, err = s.cfg.Store.List(q)
		next = page.Next
		left -= len(page.Clips)
	}
	return first, next, err
}

// writeClips streams up to q.Limit clips, a page at a time. No transaction is open while it writes.
func (s *Server) writeClips(w http.ResponseWriter, r *http.Request, q store.Query, page store.Page) error {
	out, base := startArray(w, "clips"), s.base(r)
	for left := q.Limit; ; {
		for _, c := range page.Clips {
			if err := out.add(clipJSON(c, base)); err != nil {
				s.cut(r, err)
			}
		}
		if left -= len(page.Clips); left <= 0 || page.Next == "" {
			break
		}
		q.Cursor, q.Limit = page.Next, min(left, pageRows)
		var err error
		if page, err = s.cfg.Store.List(q); err != nil {
			s.cut(r, err)
		}
	}
	if page.Next != "" {
		out.end("next", page.Next)
		return nil
	}
	out.end()
	return nil
}

// nextLink is the Link header of RFC 8288 for the piece that cursor begins.
func (s *Server) nextLink(r *http.Request, cursor string) string {
	q := url.Values{}
	for name, values := range r.URL.Query() {
		q[name] = values
	}
	q.Set("cursor", cursor)
	return "<" + s.base(r) + r.URL.EscapedPath() + "?" + q.Encode() + `>; rel="next"`
}
