package web

// Player shows one clip.
type Player struct {
	Clip         Clip
	Newer, Older Ref // "" if there is none
	Back         Ref // the list
	Strip        *Strip
	Operator     bool // who looks may change the clip
}

// Trouble says why a browser shows no picture of a clip and what would change that.
type Trouble struct {
	Sure bool   // no browser plays it; else only some do
	Text string // "" if every browser plays it
}

// View writes the player.
func (v *Player) View(h *HTML) {
	h.Put(`<div id="view" data-view="player">
<article class="player" data-id="{}" data-name="{}" aria-label="Clip"{}>
<nav class="steps" aria-label="Clips">
<a class="button" href="{}" data-back>All clips</a>
<span class="pair">
`, v.Clip.ID, v.Clip.Camera+", "+v.Clip.Time, when(v.Clip.Pinned, " data-pinned"), v.Back)
	step(h, v.Older, "Previous", "prev")
	step(h, v.Newer, "Next", "next")
	h.Put("</span>\n</nav>\n")
	h.Put(`<div class="pane">` + "\n")
	v.Clip.stage(h)
	h.Put(`<div class="side">` + "\n")
	v.Clip.trouble(h)
	v.Clip.facts(h)
	v.tools(h)
	h.Put("</div>\n</div>\n</article>\n</div>\n")
	v.Strip.View(h)
}

func step(h *HTML, to Ref, name, rel string) {
	if to == "" {
		h.Put(`<a class="button off" role="link" aria-disabled="true">{}</a>`+"\n", name)
		return
	}
	h.Put(`<a class="button" href="{}" rel="{}">{}</a>`+"\n", to, rel, name)
}

// stage is the picture, or the reason why there is none.
func (c *Clip) stage(h *HTML) {
	h.Put(`<div class="stage">`)
	switch {
	case !c.IsVideo:
		h.Put(`<img src="{}" alt="{}">`, c.File, c.Name)
	case c.Trouble.Sure:
		h.Put(`<p class="none">No browser can show this clip</p>`)
	case c.Poster != "":
		h.Put(`<video src="{}" poster="{}" controls autoplay muted playsinline preload="metadata"></video>`, c.File, c.Poster)
	default:
		h.Put(`<video src="{}" controls autoplay muted playsinline preload="metadata"></video>`, c.File)
	}
	h.Put("</div>\n")
}

// trouble is the reason why there is no picture, or may be none.
func (c *Clip) trouble(h *HTML) {
	switch t := c.Trouble; {
	case t.Sure:
		h.Put(`<p class="notice trouble">{}</p>`+"\n", t.Text)
	case t.Text != "":
		h.Put(`<p class="notice trouble" data-trouble>No picture? {}</p>`+"\n", t.Text)
	}
}

// tools is what can be done with the clip.
func (v *Player) tools(h *HTML) {
	h.Put(`<div class="tools" role="group" aria-label="This clip">` + "\n")
	if v.Clip.IsVideo && !v.Clip.Trouble.Sure {
		h.Put(`<span class="pair" data-js>
<button type="button" class="button" data-do="back" aria-label="One frame back" title="One frame back (,)">‹|</button>
<button type="button" class="button" data-do="forward" aria-label="One frame forward" title="One frame forward (.)">|›</button>
<label class="speed">Speed <select data-do="speed"><option value="0.25">¼×</option><option value="0.5">½×</option><option value="1" selected>1×</option><option value="2">2×</option><option value="4">4×</option><option value="8">8×</option></select></label>
<button type="button" class="button" data-do="full" title="Full screen (f)">Full screen</button>
</span>
`)
	}
	h.Put(`<span class="pair">
<a class="button main" href="{}" download>Download</a>
<button type="button" class="button" data-js data-do="link">Copy link</button>
`, v.Clip.Download)
	if v.Operator {
		h.Put(`<button type="button" class="button" data-js data-do="pin" aria-pressed="{}">Pin</button>
<button type="button" class="button" data-js data-do="push">Push…</button>
<button type="button" class="button bad" data-js data-do="delete">Delete</button>
`, map[bool]string{true: "true", false: "false"}[v.Clip.Pinned])
	}
	h.Put("</span>\n</div>\n")
}

// facts is what is known of the clip, and what can be done with it.
func (c *Clip) facts(h *HTML) {
	h.Put(`<div class="facts">
<h1><bdi>{}</bdi></h1>
<p><time datetime="{}">{}, {}</time></p>
<p class="dim">{}{}{}</p>
<p class="dim file"><bdi>{}</bdi></p>
</div>
`, c.Camera, c.When, c.Day, c.Time, c.inShort(), when(c.CutOff, " · cut off"), when(c.Pinned, " · pinned"), c.Name)
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
