package web

// QR is a QR code, to be shown large enough for a phone.
type QR struct {
	Size  int    // modules on a side, with the quiet border
	Path  string // of the black modules, as SVG writes a path
	Label string // what it is, for those who cannot see it
}

// View writes it black on white in the dark too: scanners want that.
func (v QR) View(h *HTML) {
	h.Put(`<svg class="qr" role="img" aria-label="{}" viewBox="0 0 {} {}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{}v{}H0z"/><path d="{}"/></svg>`+"\n",
		v.Label, v.Size, v.Size, v.Size, v.Size, v.Path)
}

// SignedLink is a link that signs a device in, once.
type SignedLink struct {
	Token string // whose
	URL   string
	For   string // how long it is good, in words
	QR    QR
}

// View writes the code and, for devices without a camera, the link.
func (v *SignedLink) View(h *HTML) {
	h.Put(`<section class="box handover" aria-labelledby="handover">
<h2 id="handover">Sign a device in as <bdi>{}</bdi></h2>
`, v.Token)
	v.QR.View(h)
	h.Put(`<p>Scan this with the other device’s camera, or open the link on it. It works once, for {}.</p>
<p><code data-copy>{}</code></p>
</section>
`, v.For, v.URL)
}

// Device signs another device in as oneself.
type Device struct {
	Token string
	Role  string
	Link  *SignedLink // nil until it is asked for
}

// View writes the button, or the link.
func (v Device) View(h *HTML) {
	h.Put(`<div class="admin narrow">
<h1>Sign in a device</h1>
<p class="lead">A phone or another browser gets the same rights as this one: token <bdi>{}</bdi>, role {}. Whoever holds the link can use it, so show it to nobody else.</p>
`, v.Token, v.Role)
	if v.Link != nil {
		v.Link.View(h)
	}
	label := "Show a QR code"
	if v.Link != nil {
		label = "Show another code"
	}
	h.Put(`<form method="post"><button class="button main">{}</button></form>
</div>
`, label)
}
