package web

// Clips is the list, newest first, in days.
type Clips struct {
	Notice   string // what is wrong or under way; "" for nothing
	Summary  string // "1,204 clips, 31 GB"
	Strip    *Strip // nil while there are no clips at all
	Operator bool   // who looks may change clips
	Cameras  []Choice
	Filter   Filter
	Arrived  []Clip // came in a moment ago but do not stand first, as they were recorded earlier
	Days     []Day
	Folder   string // where recordings go, shown while there are none
	Older    Ref    // the next piece; "" at the end
	Newest   Ref    // the first piece; "" when this is it
	Everyone Ref    // the list without filter; "" when there is none
}

// Choice is one camera to filter by.
type Choice struct {
	Name    string
	Address Ref
	Chosen  bool
}

// Filter is what the list is narrowed to, as the values of its form; "" for no narrowing.
type Filter struct {
	Camera, Day, Pinned, Pushed string
}

// Day is the clips of one day where the box is.
type Day struct {
	Name, Date string // "Today", "2026-11-22"
	Clips      []Clip
}

// View writes the list.
func (v *Clips) View(h *HTML) {
	if v.Notice != "" {
		h.Put(`<p class="notice" role="status">{}</p>`+"\n", v.Notice)
	}
	if v.Strip != nil {
		v.Strip.View(h)
	}
	h.Put(`<div id="view" data-view="list">` + "\n<h1 class=\"unseen\">Clips</h1>\n")
	if v.Strip != nil || v.Everyone != "" {
		v.filters(h)
	}
	h.Put(`<div id="list">` + "\n" + `<div class="chunk">` + "\n")
	v.list(h)
	h.Put("</div>\n")
	v.pages(h)
	h.Put("</div>\n")
	v.selection(h)
	h.Put("</div>\n")
}

func (v *Clips) list(h *HTML) {
	if len(v.Arrived) > 0 {
		h.Put(`<section class="day arrived" data-day="arrived">` + "\n<h2>Just arrived</h2>\n")
		grid(h, v.Arrived, true)
		h.Put("</section>\n")
	}
	for _, d := range v.Days {
		h.Put(`<section class="day" data-day="{}">`+"\n<h2>{}</h2>\n", d.Date, d.Name)
		grid(h, d.Clips, false)
		h.Put("</section>\n")
	}
	if len(v.Days)+len(v.Arrived) == 0 {
		v.empty(h)
	}
}

// filters is the cameras, and a form for the rest.
func (v *Clips) filters(h *HTML) {
	h.Put(`<div class="filters">` + "\n")
	if len(v.Cameras) > 2 {
		h.Put(`<nav class="cameras" aria-label="Cameras">` + "\n")
		for _, c := range v.Cameras {
			h.Put(`<a href="{}"{}><bdi>{}</bdi></a>`+"\n", c.Address, when(c.Chosen, ` aria-current="true"`), c.Name)
		}
		h.Put("</nav>\n")
	}
	f := v.Filter
	h.Put(`<form id="filter" method="get" action="./" aria-label="Filter clips">
<input type="hidden" name="camera" value="{}">
<label>Day <input type="date" name="day" value="{}"></label>
`, f.Camera, f.Day)
	either(h, "pinned", "Pins", f.Pinned, "Pinned", "Not pinned")
	either(h, "pushed", "Pushes", f.Pushed, "Pushed", "Not pushed")
	h.Put(`<button class="button" data-nojs>Show</button>` + "\n")
	if v.Everyone != "" {
		h.Put(`<a class="button" href="{}" data-clear>Clear filter</a>`+"\n", v.Everyone)
	}
	h.Put(`</form>
<span class="summary dim">{}</span>
</div>
`, v.Summary)
}

// either is a choice of any, yes or no.
func either(h *HTML, name, label, chosen, yes, no string) {
	h.Put(`<label>{} <select name="{}">
<option value="">Any</option>
<option value="true"{}>{}</option>
<option value="false"{}>{}</option>
</select></label>
`, label, name, when(chosen == "true", " selected"), yes, when(chosen == "false", " selected"), no)
}

func (v *Clips) empty(h *HTML) {
	if v.Newest != "" || v.Everyone != "" {
		h.Put(`<div class="empty"><h2>No clips here</h2><p>Nothing matches. Choose another day or camera, or clear the filter.</p></div>` + "\n")
		return
	}
	h.Put(`<div class="empty">
<h2>No clips yet</h2>
<p>The box is watching this folder. Put a recording into it, or into a folder for a camera below it, and it shows up here by itself:</p>
<p><code>{}</code></p>
</div>
`, v.Folder)
}

func (v *Clips) pages(h *HTML) {
	if v.Older == "" && v.Newest == "" {
		return
	}
	h.Put(`<nav class="pages" aria-label="Pages">` + "\n")
	if v.Newest != "" {
		h.Put(`<a class="button" href="{}">Newest</a>`+"\n", v.Newest)
	}
	if v.Older != "" {
		h.Put(`<a class="button older" href="{}" rel="next">Older</a>`+"\n", v.Older)
	}
	h.Put("</nav>\n")
}

// selection is what can be done with the clips that are ticked. Without scripts it downloads those of this piece.
func (v *Clips) selection(h *HTML) {
	h.Put(`<form id="pick" class="picked" method="get" action="./archive.zip" aria-label="Selected clips">
<output data-count>Tick clips to download them in one file</output>
<button class="button main" data-do="zip">Download ZIP</button>
`)
	if v.Operator {
		h.Put(`<button type="button" class="button" data-js data-do="pin">Pin</button>
<button type="button" class="button" data-js data-do="unpin">Unpin</button>
<button type="button" class="button" data-js data-do="push">Push…</button>
<button type="button" class="button bad" data-js data-do="delete">Delete</button>
`)
	}
	h.Put(`<button type="button" class="button" data-js data-do="all">Select all that match</button>
<button type="button" class="button" data-js data-do="none">Clear</button>
</form>
`)
}
