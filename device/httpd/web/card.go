package web

// Clip is one clip in words.
type Clip struct {
	ID       string
	Camera   string
	Date     string // "2026-11-22", where the box is
	Day      string // "Today"
	Time     string // of day
	When     string // RFC 3339
	Length   string
	Size     string
	Bytes    int64
	Poster   Ref // "" if there is none
	Play     Ref // its player
	File     Ref // its bytes
	Download Ref
	Name     string // of the file
	Details  string // picture size, codecs
	Pinned   bool
	Pushed   bool
	CutOff   bool
	New      bool // arrived a moment ago
	IsVideo  bool
	Trouble  Trouble
}

// grid is clips side by side; dated where they are of several days.
func grid(h *HTML, clips []Clip, dated bool) {
	h.Put(`<ul class="grid">` + "\n")
	for i := range clips {
		clips[i].card(h, dated)
	}
	h.Put("</ul>\n")
}

// card is the clip as one of many.
func (c *Clip) card(h *HTML, dated bool) {
	shown := c.Time
	if dated {
		shown = c.Day + ", " + c.Time
	}
	h.Put(`<li class="card" data-id="{}" data-size="{}"{}{}>
<a class="thumb" href="{}" data-play><span class="unseen">Play {}, {}</span>`,
		c.ID, c.Bytes, when(c.Pinned, " data-pinned"), when(c.New, " data-new"), c.Play, c.Camera, c.Time)
	switch {
	case c.Poster != "":
		h.Put(`<img src="{}" alt="" loading="lazy" decoding="async">`, c.Poster)
	case c.IsVideo && c.Trouble.Text == "":
		h.Put(`<span class="frame" data-frame="{}"></span>`, c.File)
	}
	if c.Length != "" {
		h.Put(`<span class="length">{}</span>`, c.Length)
	}
	h.Put(`<span class="badges">{}{}{}{}</span></a>`+"\n",
		when(c.New, `<span class="badge new">New</span>`), when(c.Pinned, `<span class="badge">Pinned</span>`),
		when(c.Pushed, `<span class="badge">Pushed</span>`), when(c.CutOff, `<span class="badge">Cut off</span>`))
	h.Put(`<input type="checkbox" class="pick" form="pick" name="id" value="{}" aria-label="Select {}, {}">
<div class="about">
<div class="line"><bdi class="name">{}</bdi><time datetime="{}">{}</time></div>
<div class="line dim"><span>{}</span><a href="{}" download aria-label="Download {}, {}">Download</a></div>
</div>
</li>
`, c.ID, c.Camera, c.Time, c.Camera, c.When, shown, c.Size, c.Download, c.Camera, c.Time)
}
