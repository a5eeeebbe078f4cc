package announce

import (
	"bytes"
	"encoding/json"
	"fmt"

	"clipd/device/api"
	"clipd/device/link"
	"clipd/store"
)

// message is a journal row as it is told. Its links are made now and live from now on.
func (s *session) message(e store.Event, from uint64) api.Event {
	m := api.FromEvent(e, s.box)
	m.From = from
	if m.Clip != nil && e.Type != store.ClipRemoved {
		m.Clip.URL = s.url(link.Clip, e.Clip.ID, m.Clip.URLPath)
		m.Clip.PosterURL = s.url(link.Poster, e.Clip.ID, api.PosterPath(e.Clip))
	}
	return m
}

// url is where path is fetched from by whoever holds it, or "" without a path.
func (s *session) url(what link.What, id store.ID, path string) string {
	switch {
	case path == "":
		return ""
	case s.cfg.LinkTTL <= 0:
		return s.base + path
	}
	query, _ := s.cfg.Links.Sign(what, id, s.cfg.LinkTTL)
	return s.base + path + "?" + query
}

// encode writes v, one of the types of this package and api, which always can be written.
func encode(v any) []byte {
	b, err := marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return b
}

// marshal leaves & in URLs as it is, so that people can copy them from a message.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
