package web

// Strip is a row of days, each a way to its clips, and the frame of the timeline that scripts draw below it.
type Strip struct {
	Days           []StripDay
	Earlier, Later Ref // other rows; "" where there is none
	Camera         string
	From, To       int64 // of the day shown, Unix milliseconds
	At             int64 // of what is playing; 0 for nothing
}

// StripDay is one day of it.
type StripDay struct {
	Date    string // "2026-11-22"
	Number  string // "22"
	Month   string // "Nov" on its first day
	Label   string // "Sun 22 November 2026, 34 clips"
	Address Ref
	Level   int // 0 for no clips to 4 for the most
	Chosen  bool
	Weekend bool
}

var levels = [...]markup{"", ` data-level="1"`, ` data-level="2"`, ` data-level="3"`, ` data-level="4"`}

// View writes the row.
func (v *Strip) View(h *HTML) {
	h.Put(`<section class="when" aria-label="Timeline">
<nav class="strip" aria-label="Days">
`)
	if v.Earlier != "" {
		h.Put(`<a class="turn" href="{}" aria-label="Earlier days">‹</a>`+"\n", v.Earlier)
	}
	h.Put(`<ol>` + "\n")
	for i := len(v.Days) - 1; i >= 0; i-- { // newest first, from the right: where there is no room, the last days show
		v.Days[i].view(h)
	}
	h.Put("</ol>\n")
	if v.Later != "" {
		h.Put(`<a class="turn" href="{}" aria-label="Later days">›</a>`+"\n", v.Later)
	}
	h.Put(`</nav>
<clip-timeline data-camera="{}" data-from="{}" data-to="{}" data-at="{}"></clip-timeline>
</section>
`, v.Camera, v.From, v.To, v.At)
}

func (d *StripDay) view(h *HTML) {
	h.Put(`<li><a href="{}" data-date="{}"{}{}{} title="{}"><span class="unseen">{}</span><small aria-hidden="true">{}</small><span aria-hidden="true">{}</span></a></li>`+"\n",
		d.Address, d.Date, levels[d.Level], when(d.Chosen, ` aria-current="date"`), when(d.Weekend, " data-weekend"), d.Label, d.Label, d.Month, d.Number)
}
