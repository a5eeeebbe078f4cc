package web

// Policy is the Content-Security-Policy of every page: nothing inline, nothing from elsewhere.
const Policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// A View writes what one kind of page has inside <main>.
type View interface{ View(h *HTML) }

// Page is what every page has around its view.
type Page struct {
	Box     string // what people call it
	Title   string
	Root    string // the page at / relative to this one: "./", "../../"
	Refresh int    // seconds until the page loads itself again where scripts do not run; 0 for never
	Here    string // the Name of the nav line this page belongs to
	Role    Role   // of who looks; Stranger sees no nav

	Modules []string // in src/entry, without .js
	Styles  []string // in src/entry beside style.css, without .css
	Data    []Datum  // for scripts, as data- attributes of <body>
	View    View
}

// Datum is one data- attribute: a name of lower-case letters and dashes, and its value.
type Datum struct{ Name, Value string }

// Role is what a person may do; each may do what those before it may.
type Role int

// Roles.
const (
	Stranger Role = iota
	Viewer
	Operator
	Admin
)

func (r Role) String() string { return [...]string{"stranger", "viewer", "operator", "admin"}[r] }

// nav is the lines in the head of every page, for those with at least the role.
var nav = []struct {
	Name, Path string
	Least      Role
}{
	{"Clips", "", Viewer},
	{"Health", "health", Viewer},
	{"Devices", "device", Viewer},
	{"Tokens", "tokens", Admin},
	{"Settings", "settings", Admin},
}

// Write returns p as HTML.
func (p *Page) Write() []byte {
	h := &HTML{out: make([]byte, 0, 16<<10)}
	p.head(h)
	p.bar(h)
	h.Put(`<main id="main">`)
	p.View.View(h)
	h.Put("</main>\n" + `<div id="toasts" role="status" aria-live="polite"></div>` + "\n</body>\n</html>\n")
	return h.out
}

func (p *Page) ref(path string) Ref { return Ref(p.Root + path) }

func (p *Page) head(h *HTML) {
	h.Put(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{}</title>
<link rel="icon" href="{}" type="image/svg+xml">
<link rel="stylesheet" href="{}">
`, p.Title, p.ref(Address("icon.svg")), p.ref(Address("style.css")))
	for _, name := range p.Styles {
		h.Put(`<link rel="stylesheet" href="{}">`+"\n", p.ref(Address(name+".css")))
	}
	for _, name := range p.Modules {
		h.Put(`<script type="module" src="{}"></script>`+"\n", p.ref(Address(name+".js")))
	}
	if p.Refresh > 0 {
		h.Put(`<noscript><meta http-equiv="refresh" content="{}"></noscript>`+"\n", p.Refresh)
	}
	h.Put("</head>\n")
	p.body(h)
}

// body opens the element, with what scripts need to know.
func (p *Page) body(h *HTML) {
	data := &HTML{}
	for _, d := range append([]Datum{{"role", p.Role.String()}, {"root", p.Root}}, p.Data...) {
		data.out = append(append(data.out, " data-"+d.Name+`="`...), appendText(nil, d.Value)...)
		data.out = append(data.out, '"')
	}
	h.Put("<body{}>\n", markup(data.out))
}

// bar is the head of the page: the box, the pages there are for this person, and the way out.
func (p *Page) bar(h *HTML) {
	h.Put(`<a class="skip" href="{}">Skip to content</a>
<header class="bar">
<a class="brand" href="{}"><img src="{}" alt="" width="28" height="28"><bdi>{}</bdi></a>
`, Ref("#main"), p.ref(""), p.ref(Address("icon.svg")), p.Box)
	if p.Role > Stranger {
		p.nav(h)
		h.Put(`<form method="post" action="{}"><button class="quiet">Sign out</button></form>`+"\n", p.ref("logout"))
	}
	h.Put("</header>\n")
}

func (p *Page) nav(h *HTML) {
	h.Put(`<nav class="tabs" aria-label="Pages of this box">` + "\n")
	for _, n := range nav {
		if p.Role >= n.Least {
			h.Put(`<a href="{}"{}>{}</a>`+"\n", p.ref(n.Path), when(n.Name == p.Here, ` aria-current="page"`), n.Name)
		}
	}
	h.Put("</nav>\n")
}
