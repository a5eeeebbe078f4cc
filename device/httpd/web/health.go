package web

import "slices"

// Health is how the box is.
type Health struct {
	Problems []string
	Done     string
	Ask      *Ask
	Adopt    bool // a disk may be adopted
	Disk     *Meter
	Scan     *Meter
	Facts    []Fact
	Tables   []Table
	Log      bool // offer the end of the log
}

// Ask is what retention asks an admin; others see only the text.
type Ask struct{ Text, Token string }

// Meter is a share of something, with words for it.
type Meter struct {
	Label, Words string
	Percent      int
	Bad          bool
}

// Fact is a line: what, and how it is.
type Fact struct {
	Label, Value, Note string
	Bad                bool
}

// Table is a list of things with reasons.
type Table struct {
	Title   string
	Columns []string
	Lines   [][]string
	More    string // what is not listed, in words
}

// View writes it; scripts fetch the part marked live again.
func (v Health) View(h *HTML) {
	h.Put(`<div class="admin" data-live>` + "\n<h1>Health</h1>\n")
	say(h, "", v.Done)
	for _, p := range v.Problems {
		h.Put(`<p class="notice" role="alert">{}</p>`+"\n", p)
	}
	if v.well() {
		h.Put(`<p class="notice done" role="status">All is well.</p>` + "\n")
	}
	v.asks(h)
	h.Put(`<div class="meters">` + "\n")
	for _, m := range []*Meter{v.Disk, v.Scan} {
		if m != nil {
			m.view(h)
		}
	}
	h.Put("</div>\n" + `<dl class="facts2">` + "\n")
	for _, f := range v.Facts {
		h.Put(`<div class="box"><dt>{}</dt><dd{}>{}</dd><dd class="dim">{}</dd></div>`+"\n", f.Label, when(f.Bad, ` class="bad"`), f.Value, f.Note)
	}
	h.Put("</dl>\n")
	for i := range v.Tables {
		v.Tables[i].view(h)
	}
	if v.Log {
		h.Put(`<p><a class="button" href="{}" download>Download the log</a></p>`+"\n", Ref("./api/v1/log"))
	}
	h.Put("</div>\n")
}

func (v Health) well() bool {
	bad := func(f Fact) bool { return f.Bad }
	return len(v.Problems) == 0 && !slices.ContainsFunc(v.Facts, bad) && v.Ask == nil && (v.Disk == nil || !v.Disk.Bad)
}

func (v Health) asks(h *HTML) {
	if v.Ask != nil {
		h.Put(`<section class="notice" role="alert" aria-labelledby="ask"><h2 id="ask">May these go?</h2>`+"\n<p>{}</p>\n", v.Ask.Text)
		if v.Ask.Token != "" {
			h.Put(`<form method="post" class="row"><input type="hidden" name="token" value="{}">
<button class="button bad" name="do" value="expire" data-sure="Really delete them?">Delete them</button><a class="button" href="{}">Change the rules</a></form>
`, v.Ask.Token, Ref("./settings#keep"))
		}
		h.Put("</section>\n")
	}
	if v.Adopt {
		h.Put(`<section class="box"><details><summary>Use the disk that is there now …</summary>
<p>The recordings folder is not on the disk that this box knows. If the disk was replaced on purpose, adopt it: its recordings are read, and clips that were only on the old disk are forgotten. If a disk is just not plugged in, plug it in instead.</p>
<form method="post"><button class="button bad" name="do" value="adopt" data-sure="Really adopt it?">Adopt this disk</button></form>
</details></section>
`)
	}
}

func (m *Meter) view(h *HTML) {
	h.Put(`<div class="box"><h2>{}</h2><meter min="0" max="100" value="{}"{} aria-label="{}">{}</meter><p>{}</p></div>`+"\n",
		m.Label, m.Percent, when(m.Bad, ` class="bad"`), m.Label, m.Words, m.Words)
}

func (t *Table) view(h *HTML) {
	h.Put(`<section><h2>{}</h2><div class="wide" tabindex="0" role="region" aria-label="{}"><table class="table"><thead><tr>`, t.Title, t.Title)
	for _, c := range t.Columns {
		h.Put(`<th scope="col">{}</th>`, c)
	}
	h.Put("</tr></thead><tbody>\n")
	for _, line := range t.Lines {
		h.Put("<tr>")
		for _, cell := range line {
			h.Put("<td><bdi>{}</bdi></td>", cell)
		}
		h.Put("</tr>\n")
	}
	h.Put("</tbody></table></div>\n")
	if t.More != "" {
		h.Put(`<p class="dim">{}</p>`+"\n", t.More)
	}
	h.Put("</section>\n")
}
