package web

import (
	"html"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile are names that try to get out of where they are put.
var hostile = []string{
	`"><script>alert(1)</script>`, `' onerror='alert(1)`, `</title><img src=x onerror=alert(1)>`, `javascript:alert(1)`, `//elsewhere.example/`,
	"a\x00b\x1b[31m", "gpj.\u202e4pm", "\u2066x\u2069", "\xff\xfe", `&lt;script&gt;`, "{}", strings.Repeat(`"'<>&`, 60), "`${alert(1)}`",
}

func everyPage(name string) string {
	c := Clip{ID: name, Camera: name, Date: name, Day: name, Time: name, When: name, Length: name, Size: name, Poster: Ref(name),
		Play: Ref(name), File: Ref(name), Download: Ref(name), Name: name, Details: name, IsVideo: true, Trouble: Trouble{Text: name}}
	strip := Strip{Days: []StripDay{{name, name, name, name, Ref(name), 1, true, true}}, Earlier: Ref(name), Later: Ref(name), Camera: name}
	var out strings.Builder
	for _, v := range []View{
		&Clips{Operator: true, Strip: &strip, Notice: name, Summary: name, Cameras: []Choice{{}, {}, {Name: name, Address: Ref(name)}}, Filter: Filter{name, name, name, name},
			Arrived: []Clip{c}, Days: []Day{{name, name, []Clip{c}}}, Older: Ref(name), Newest: Ref(name), Everyone: Ref(name)},
		&Clips{Folder: name}, &Player{Operator: true, Strip: &strip, Clip: c, Newer: Ref(name), Older: Ref(name), Back: Ref(name)},
		SignIn{Root: name, Problem: name}, Problem{Root: name, Title: name, Detail: name},
	} {
		p := Page{Box: name, Title: name, Root: "./", Role: Admin, Data: []Datum{{"x", name}}, View: v}
		out.Write(p.Write())
	}
	return out.String()
}

// skeleton is what a browser makes of a page, without its texts and values: its tags and their attributes' names.
func skeleton(page string) string {
	var out strings.Builder
	quoted, tag := false, false
	for _, r := range page {
		switch {
		case r == '"' && tag:
			quoted = !quoted
		case r == '<' && !quoted:
			tag = true
		}
		if tag && !quoted {
			out.WriteRune(r)
		}
		if r == '>' && !quoted {
			tag = false
		}
	}
	return out.String()
}

func TestNoNameBreaksOut(t *testing.T) {
	want := skeleton(everyPage("plain"))
	for _, name := range hostile {
		if got := skeleton(everyPage(name)); got != want {
			t.Errorf("%q changes the structure of a page:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		out := string(appendText(nil, name))
		if strings.ContainsAny(out, `<>"'`) || !utf8.ValidString(out) || strings.ContainsFunc(out, misleads) {
			t.Fatalf("%q became %q", name, out)
		}
		want := strings.Map(func(r rune) rune {
			if misleads(r) {
				return utf8.RuneError
			}
			return r
		}, name)
		if got := html.UnescapeString(out); got != want {
			t.Fatalf("%q is read back as %q", want, got)
		}
	})
}

func TestReferencesStayOnTheBox(t *testing.T) {
	for in, want := range map[Ref]string{
		"./": "./", "../../web/x": "../../web/x", "?a=b": "?a=b", "#main": "#main",
		"javascript:alert(1)": "#", "//evil": "#", "https://evil": "#", "/clips": "#", " ./": "#", "": "#", "data:text/html,x": "#",
	} {
		if got := in.local(); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestFormatsThatDoNotFitPanic(t *testing.T) {
	for name, put := range map[string]func(h *HTML){
		"text in href":       func(h *HTML) { h.Put(`<a href="{}">`, "javascript:alert(1)") },
		"text in onclick":    func(h *HTML) { h.Put(`<a onclick="{}">`, "alert(1)") },
		"text in style":      func(h *HTML) { h.Put(`<a style="{}">`, "x") },
		"text as attribute":  func(h *HTML) { h.Put(`<a {}>`, "onclick=x") },
		"unquoted attribute": func(h *HTML) { h.Put(`<a title={}>`, "x onclick=y") },
		"address in title":   func(h *HTML) { h.Put(`<a title="{}">`, Ref("./")) },
		"markup in a value":  func(h *HTML) { h.Put(`<a title="{}">`, markup(`">`)) },
		"half a tag":         func(h *HTML) { h.Put(`<a title="x"`) },
		"too few":            func(h *HTML) { h.Put(`{}{}`, "x") },
		"too many":           func(h *HTML) { h.Put(`{}`, "x", "y") },
		"another type":       func(h *HTML) { h.Put(`{}`, 1.5) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it was written")
				}
			}()
			put(&HTML{})
		})
	}
}
