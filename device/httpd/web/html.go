package web

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// markup is HTML that stands in this package's source: only constants become it by themselves.
type markup string

// Ref is an address below the box: it begins with "./", "../", "?" or "#". Any other is written as "#", so that no
// name of a file or camera can lead elsewhere or run as javascript:.
type Ref string

// HTML is a page under construction. The zero HTML is empty and ready. Not safe for concurrent use.
type HTML struct{ out []byte }

// Bytes is what was put so far.
func (h *HTML) Bytes() []byte { return h.out }

// Put appends format with each {} replaced by the next argument: a string or a number as escaped text, in text or inside
// a quoted attribute; a Ref inside href, src, action and the like, and nowhere else; markup, such as when gives, as it
// is. A format holds whole tags. One that does not, or does not fit its arguments, panics: it is a constant, so the
// first test that shows the page finds it.
func (h *HTML) Put(format markup, args ...any) {
	at := place{}
	for {
		before, after, found := strings.Cut(string(format), "{}")
		at.pass(before)
		h.out = append(h.out, before...)
		if !found {
			break
		}
		if len(args) == 0 {
			panic("web: too few arguments: " + string(format))
		}
		h.arg(at, args[0])
		args, format = args[1:], markup(after)
	}
	if at != (place{}) || len(args) > 0 {
		panic("web: a format ends inside a tag or has too many arguments: " + string(format))
	}
}

func (h *HTML) arg(at place, arg any) {
	switch v := arg.(type) {
	case string:
		at.wantText()
		h.out = appendText(h.out, v)
	case int:
		at.wantText()
		h.out = strconv.AppendInt(h.out, int64(v), 10)
	case int64:
		at.wantText()
		h.out = strconv.AppendInt(h.out, v, 10)
	case Ref:
		at.wantRef()
		h.out = appendText(h.out, v.local())
	case markup:
		if at.quoted {
			panic("web: markup inside the attribute " + at.attr)
		}
		h.out = append(h.out, v...)
	default:
		panic(fmt.Sprintf("web: %T cannot be written", arg))
	}
}

// when is m if cond holds: for attributes that are there or not.
func when(cond bool, m markup) markup {
	if cond {
		return m
	}
	return ""
}

func (r Ref) local() string {
	for _, begin := range []string{"./", "../", "?", "#"} {
		if strings.HasPrefix(string(r), begin) {
			return string(r)
		}
	}
	return "#"
}

// place is where in a tag a format stands; the zero place is between tags.
type place struct {
	tag, quoted bool
	attr        string // the attribute whose value it is in
}

func (p *place) pass(text string) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case p.quoted:
			if c == '"' {
				p.quoted, p.attr = false, ""
			}
		case !p.tag:
			p.tag = c == '<'
		case c == '"':
			p.quoted, p.attr = true, attrBefore(text[:i])
		case c == '>':
			p.tag = false
		}
	}
}

// attrBefore is the name in front of =".
func attrBefore(text string) string {
	name := strings.TrimSuffix(text, "=")
	return name[strings.LastIndexAny(name, " \n")+1:]
}

var refAttrs = map[string]bool{"href": true, "src": true, "action": true, "formaction": true, "poster": true}

func (p place) wantText() {
	if p.tag && !p.quoted || refAttrs[p.attr] || p.attr == "style" || strings.HasPrefix(p.attr, "on") {
		panic("web: text may not stand in the attribute " + strconv.Quote(p.attr))
	}
}

func (p place) wantRef() {
	if !refAttrs[p.attr] && !strings.HasPrefix(p.attr, "data-") {
		panic("web: an address may not stand in the attribute " + strconv.Quote(p.attr))
	}
}

// appendText escapes s for text and for attributes in double quotes alike. Characters that would end either are
// escaped; those that are invisible or turn the direction of what follows are replaced, so that a name cannot pose as
// another (Unicode TR36 §2.10).
func appendText(out []byte, s string) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '&':
			out = append(out, "&amp;"...)
		case r == '<':
			out = append(out, "&lt;"...)
		case r == '>':
			out = append(out, "&gt;"...)
		case r == '"':
			out = append(out, "&#34;"...)
		case r == '\'':
			out = append(out, "&#39;"...)
		case misleads(r):
			out = utf8.AppendRune(out, utf8.RuneError)
		default:
			out = utf8.AppendRune(out, r)
		}
		s = s[n:]
	}
	return out
}

// misleads is true of controls and of the marks that embed, override or isolate a direction.
func misleads(r rune) bool {
	return r < ' ' && r != '\n' || 0x7f <= r && r < 0xa0 || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
}
