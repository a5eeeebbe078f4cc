package web

// Player shows one clip.
type Player struct {
	Clip         Clip
	Newer, Older Ref // "" if there is none
	Back         Ref
}

// Trouble says why a browser shows no picture of a clip and what would change that.
type Trouble struct {
	Sure bool   // no browser plays it; else only some do
	Text string // "" if every browser plays it
}

// View writes the player.
func (v *Player) View(h *HTML) {
	h.Put(`<article class="player" data-id="{}" aria-label="Clip">
<nav class="steps" aria-label="Clips">
<a class="button" href="{}" data-back>All clips</a>
<span class="pair">
`, v.Clip.ID, v.Back)
	step(h, v.Older, "Previous", "prev")
	step(h, v.Newer, "Next", "next")
	h.Put("</span>\n</nav>\n")
	v.Clip.stage(h)
	v.Clip.facts(h)
	h.Put("</article>\n")
}

func step(h *HTML, to Ref, name, rel string) {
	if to == "" {
		h.Put(`<span class="button off">{}</span>`+"\n", name)
		return
	}
	h.Put(`<a class="button" href="{}" rel="{}">{}</a>`+"\n", to, rel, name)
}

// stage is the picture, or the reason why there is none.
func (c *Clip) stage(h *HTML) {
	h.Put(`<div class="stage">`)
	switch {
	case !c.IsVideo:
		h.Put(`<img src="{}" alt="{}">`, c.Bytes, c.Name)
	case c.Trouble.Sure:
	case c.Poster != "":
		h.Put(`<video src="{}" poster="{}" controls autoplay muted playsinline preload="metadata"></video>`, c.Bytes, c.Poster)
	default:
		h.Put(`<video src="{}" controls autoplay muted playsinline preload="metadata"></video>`, c.Bytes)
	}
	h.Put("</div>\n")
	switch t := c.Trouble; {
	case t.Sure:
		h.Put(`<p class="notice trouble">{}</p>`+"\n", t.Text)
	case t.Text != "":
		h.Put(`<p class="notice trouble" data-trouble>No picture? {}</p>`+"\n", t.Text)
	}
}

// facts is what is known of the clip, and what can be done with it.
func (c *Clip) facts(h *HTML) {
	h.Put(`<div class="facts">
<div>
<h1><bdi>{}</bdi></h1>
<p><time datetime="{}">{}, {}</time></p>
<p class="dim">{}{}{}</p>
<p class="dim file"><bdi>{}</bdi></p>
</div>
<a class="button main" href="{}" download>Download</a>
</div>
`, c.Camera, c.When, c.Day, c.Time, c.inShort(), when(c.CutOff, " · cut off"), when(c.Pinned, " · pinned"), c.Name, c.Download)
}

func (c *Clip) inShort() string {
	text := c.Size
	if c.Length != "" {
		text = c.Length + " · " + text
	}
	if c.Details != "" {
		text += " · " + c.Details
	}
	return text
}
