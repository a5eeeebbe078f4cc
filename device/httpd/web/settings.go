package web

// Settings is what an admin may change of the box, each part a form of its own.
type Settings struct {
	Problem, Done string
	Undone        string   // why the last ones are not in force
	Confirm       *Confirm // nil: none wait for it
	Pending       bool     // the system around the box is at the ones just made
	Moved         string   // the box's new address, when the change just made moved it
	Sections      []Section
}

// Confirm asks whether the settings just made should stay.
type Confirm struct{ Seconds int }

// Section is one form.
type Section struct {
	ID, Title, Hint string
	Fields          []Field
	Rows            *Rows
	Removable       bool
	Folded          bool // shown when asked for
}

// Kind is how a field is written.
type Kind int

// Kinds of fields.
const (
	OneLine Kind = iota
	Lines
	Secret
	OneOf
)

// Field is one setting.
type Field struct {
	Key, Label, Hint string
	Kind             Kind
	Value            string
	Placeholder      string
	Choices          [][2]string // value and words
	Source           string      // where the value comes from, in words
	Locked           bool
	Problem          string // what is wrong with it
}

// Rows is a list of tables, a line each; the last line is empty, for one more.
type Rows struct {
	Key     string
	Columns []Column
	Lines   [][]string
	Source  string
	Problem string
}

// Column is a key of each table.
type Column struct{ Key, Label, Placeholder string }

// View writes the notices and the forms.
func (v Settings) View(h *HTML) {
	h.Put(`<div class="admin">` + "\n<h1>Settings</h1>\n")
	say(h, v.Problem, v.Done)
	if v.Undone != "" {
		h.Put(`<p class="notice" role="status">The last settings were undone: {}.</p>`+"\n", v.Undone)
	}
	switch {
	case v.Moved != "":
		h.Put(`<section class="notice" role="alert"><h2>The box moves to another address</h2>
<p>Open <code data-open>{}</code> and keep the settings there. Unless that is done within two minutes, the box comes back to this one.</p></section>
`, v.Moved)
	case v.Pending:
		h.Put(`<section class="notice" role="status"><h2>The settings are being put in force</h2>
<p>This page comes back by itself. Where the box changes its Wi-Fi, it comes back on devices in the new network only; unless the settings are kept there within two minutes, the box goes back to the network before.</p></section>
`)
	case v.Confirm != nil:
		v.Confirm.view(h)
	}
	v.contents(h)
	for i := range v.Sections {
		v.Sections[i].view(h)
	}
	h.Put("</div>\n")
}

// contents leads to the forms.
func (v Settings) contents(h *HTML) {
	if len(v.Sections) == 0 {
		return
	}
	h.Put(`<nav class="row" aria-label="Settings">`)
	for _, s := range v.Sections {
		h.Put(`<a class="quiet" href="{}">{}</a>`, Ref("#"+s.ID), s.Title)
	}
	h.Put("</nav>\n")
}

func (c *Confirm) view(h *HTML) {
	h.Put(`<section class="notice" role="alert" aria-labelledby="keep"><h2 id="keep">Keep the new settings?</h2>
<p>They change how the box is reached. You got here with them, so they work from this device. In <span data-countdown="{}">{}</span> seconds they are undone by themselves.</p>
<form method="post" class="row"><button class="button main" name="do" value="keep">Keep them</button><button class="button" name="do" value="undo">Undo them</button></form>
</section>
`, c.Seconds, c.Seconds)
}

func (s *Section) view(h *HTML) {
	h.Put(`<section class="box" id="{}">`+"\n", s.ID)
	if s.Folded {
		h.Put(`<details><summary>{} …</summary>`+"\n", s.Title)
	} else {
		h.Put("<h2>{}</h2>\n", s.Title)
	}
	if s.Hint != "" {
		h.Put(`<p class="dim">{}</p>`+"\n", s.Hint)
	}
	h.Put(`<form method="post" autocomplete="off"><input type="hidden" name="section" value="{}">
<div class="grid2">
`, s.ID)
	for i := range s.Fields {
		s.Fields[i].view(h)
	}
	h.Put("</div>\n")
	if s.Rows != nil {
		s.Rows.view(h)
	}
	h.Put(`<p class="row"><button class="button main" name="do" value="save">Save</button>`)
	if s.Removable {
		h.Put(`<button class="button bad" name="do" value="remove" data-sure="Really remove {}?">Remove</button>`, s.Title)
	}
	h.Put("</p></form>{}</section>\n", when(s.Folded, "</details>"))
}

// view writes the field, tied to its label, hint and problem.
func (f *Field) view(h *HTML) {
	h.Put(`<div class="field"><p class="line"><label for="{}">{}</label><span class="from" id="{}-from">{}</span></p>`+"\n", f.Key, f.Label, f.Key, f.Source)
	attrs := f.attrs()
	switch f.Kind {
	case Lines:
		h.Put(`<textarea id="{}" name="{}" rows="3" spellcheck="false" placeholder="{}"{}>{}</textarea>`, f.Key, f.Key, f.Placeholder, attrs, "\n"+f.Value)
	case Secret:
		h.Put(`<input id="{}" name="{}" type="password" autocomplete="new-password" placeholder="{}"{}>`, f.Key, f.Key, f.Placeholder, attrs)
	case OneOf:
		f.choices(h, attrs)
	default:
		h.Put(`<input id="{}" name="{}" value="{}" spellcheck="false" autocapitalize="none" placeholder="{}"{}>`, f.Key, f.Key, f.Value, f.Placeholder, attrs)
	}
	if f.Hint != "" {
		h.Put("\n"+`<p class="about-field" id="{}-about">{}</p>`, f.Key, f.Hint)
	}
	if f.Problem != "" {
		h.Put(`<p class="wrong" id="{}-wrong">{}</p>`, f.Key, f.Problem)
	}
	h.Put("</div>\n")
}

// attrs ties the field to what is said about it.
func (f *Field) attrs() markup {
	about := f.Key + "-from"
	if f.Hint != "" {
		about += " " + f.Key + "-about"
	}
	if f.Problem != "" {
		about += " " + f.Key + "-wrong"
	}
	text := append(appendText([]byte(` aria-describedby="`), about), '"')
	return markup(text) + when(f.Problem != "", ` aria-invalid="true"`) + when(f.Locked, " disabled")
}

func (f *Field) choices(h *HTML, attrs markup) {
	h.Put(`<select id="{}" name="{}"{}>`, f.Key, f.Key, attrs)
	for _, c := range f.Choices {
		h.Put(`<option value="{}"{}>{}</option>`, c[0], when(c[0] == f.Value, " selected"), c[1])
	}
	h.Put("</select>")
}

func (r *Rows) view(h *HTML) {
	h.Put(`<div class="wide"><table class="rows"><thead><tr>`)
	for _, c := range r.Columns {
		h.Put(`<th scope="col">{}</th>`, c.Label)
	}
	h.Put("</tr></thead><tbody>\n")
	for i, line := range append(r.Lines, make([]string, len(r.Columns))) {
		h.Put("<tr>")
		for j, c := range r.Columns {
			h.Put(`<td><input name="{}.{}.{}" value="{}" aria-label="{} {}" placeholder="{}" spellcheck="false"></td>`,
				r.Key, i, c.Key, line[j], c.Label, i+1, c.Placeholder)
		}
		h.Put("</tr>\n")
	}
	h.Put(`</tbody></table></div><p class="about-field">Empty a line to remove it. <span class="from">{}</span></p>`+"\n", r.Source)
	if r.Problem != "" {
		h.Put(`<p class="wrong">{}</p>`+"\n", r.Problem)
	}
}
