package httpd

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"clipd/device/api"
	"clipd/device/httpd/web"
	"clipd/store"
)

func (s *Server) day(t time.Time) string {
	now := s.cfg.Clock.Now().In(s.cfg.Location)
	t = t.In(s.cfg.Location)
	switch t.Format(time.DateOnly) {
	case now.Format(time.DateOnly):
		return "Today"
	case now.AddDate(0, 0, -1).Format(time.DateOnly):
		return "Yesterday"
	}
	return t.Format("Monday, 2 January 2006")
}

// inShort is c in words; addresses are relative to the page, and stay under f.
func (s *Server) inShort(c store.Clip, f filter) web.Clip {
	start := c.Start.In(s.cfg.Location)
	file := "." + api.ClipPath(c)
	v := web.Clip{
		ID: c.ID.String(), Camera: text(c.Camera), Date: start.Format(time.DateOnly), Day: s.day(c.Start),
		Time: start.Format("15:04:05"), When: start.Format(time.RFC3339), Length: length(c.Duration), Size: size(c.Size),
		Play: f.player(c.ID), Bytes: c.Size, File: web.Ref(file), Download: web.Ref(file + "?download=1"), Name: text(path.Base(c.Path)),
		Details: details(c), Pinned: c.Pinned, Pushed: c.Pushed, CutOff: !c.Complete,
		IsVideo: !strings.HasPrefix(c.MediaType, "image/"), Trouble: trouble(c),
	}
	if c.Poster != "" {
		v.Poster = web.Ref("." + api.PosterPath(c))
	} else {
		s.cfg.WantPoster(c.ID) // somebody looks at it
	}
	return v
}

func text(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }

func details(c store.Clip) string {
	var words []string
	if c.Width > 0 && c.Height > 0 {
		words = append(words, fmt.Sprintf("%d×%d", c.Width, c.Height))
	}
	for _, codec := range []string{c.VideoCodec, c.AudioCodec} {
		if codec != "" {
			words = append(words, codec)
		}
	}
	return strings.Join(words, " · ")
}

// length is h:mm:ss or m:ss; "" if it is not known.
func length(d time.Duration) string {
	seconds := int64(math.Round(d.Seconds()))
	switch {
	case d <= 0:
		return ""
	case seconds >= 3600:
		return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

// size is n bytes in the largest unit that leaves a whole number before the point.
func size(n int64) string {
	units := []string{"kB", "MB", "GB", "TB"}
	if n < 1000 {
		return itoa(n) + " bytes"
	}
	v := float64(n) / 1000
	for v >= 999.5 && len(units) > 1 {
		v, units = v/1000, units[1:]
	}
	digits := 0
	if v < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + units[0]
}

// count is n with its thousands set apart.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func summary(t store.Totals) string {
	return clipCount(t.Clips) + ", " + size(t.Bytes)
}

// notice is what is wrong with the root, else what is still to be read.
func (s *Server) notice(t store.Totals) string {
	if problem := s.cfg.Root.State().Problem; problem != "" {
		return problem
	}
	if t.Pending > 0 {
		return count(t.Pending) + " recordings are still being read; they show up here as they are done."
	}
	return ""
}

// waitText is how long to wait.
func waitText(d time.Duration) string {
	if s := int(math.Ceil(d.Seconds())); s != 1 {
		return strconv.Itoa(s) + " seconds"
	}
	return "a second"
}
