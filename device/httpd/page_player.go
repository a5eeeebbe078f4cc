package httpd

import (
	"time"

	"clipd/device/httpd/web"
	"clipd/store"
)

func (s *Server) showPlayer(page *web.Page, text string, f filter) error {
	id, err := store.ParseID(text)
	if err != nil {
		return badRequest("clip is malformed", "A clip id has 16 characters, 0 to 9 and a to v.")
	}
	_, last := s.cfg.Store.Journal()
	c, _, err := s.cfg.Store.Clip(id)
	if err != nil {
		return err
	}
	newer, older, err := s.neighbours(c, f)
	if err != nil {
		return err
	}
	v := &web.Player{Clip: s.inShort(c, f), Back: f.address(), Newer: f.player(newer), Older: f.player(older), Operator: page.Role >= web.Operator}
	around := f
	around.from = midnight(c.Start.In(s.cfg.Location))
	around.to, around.day = around.from.AddDate(0, 0, 1), around.from.Format(time.DateOnly)
	if v.Strip, err = s.strip(around); err != nil {
		return err
	}
	v.Strip.At = c.Start.UnixMilli()
	page.Title, page.View, page.Data = v.Clip.Camera+", "+v.Clip.Day+" "+v.Clip.Time, v, s.scriptData(last)
	return nil
}
