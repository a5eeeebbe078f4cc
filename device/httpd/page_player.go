package httpd

import (
	"clipd/device/httpd/web"
	"clipd/store"
)

func (s *Server) showPlayer(page *web.Page, text string, f filter) error {
	id, err := store.ParseID(text)
	if err != nil {
		return badRequest("clip is malformed", "A clip id has 16 characters, 0 to 9 and a to v.")
	}
	c, _, err := s.cfg.Store.Clip(id)
	if err != nil {
		return err
	}
	newer, older, err := s.neighbours(c, f)
	if err != nil {
		return err
	}
	v := &web.Player{Clip: s.inShort(c, f), Back: f.address(), Newer: f.player(newer), Older: f.player(older)}
	page.Title, page.View = v.Clip.Camera+", "+v.Clip.Day+" "+v.Clip.Time, v
	return nil
}
