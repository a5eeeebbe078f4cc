package push

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"clipd/store"
)

// placeholders are what a template may name.
var placeholders = []string{"box_name", "box", "camera", "date", "name", "id", "path"}

// values are what placeholders stand for. Cameras and files are named by others: what they are called must stay within
// the place that the template gives it.
type values map[string]string

func (p *Pusher) values(c *store.Clip) values {
	return values{
		"box_name": p.Name, "box": p.Box, "camera": c.Camera, "date": c.Start.In(p.Location).Format(time.DateOnly),
		"name": path.Base(c.Path), "id": c.ID.String(), "path": c.Path,
	}
}

// checkTemplate refuses placeholders that there are not.
func checkTemplate(t string) error {
	_, err := replace(t, func(name string) (string, error) { return "", nil }, nil)
	return err
}

// replace puts value(name) for each {name} of t, and literal(text) for what is between them.
func replace(t string, value, literal func(string) (string, error)) (string, error) {
	var b strings.Builder
	for t != "" {
		text, rest, found := strings.Cut(t, "{")
		if literal != nil {
			var err error
			if text, err = literal(text); err != nil {
				return "", err
			}
		}
		b.WriteString(text)
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !slices.Contains(placeholders, name) {
			return "", fmt.Errorf("there is no placeholder {%.40s: use {%s}", rest, strings.Join(placeholders, "}, {"))
		}
		v, err := value(name)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
		t = after
	}
	return b.String(), nil
}

// path expands the template of a path into one that is percent-encoded: a value is part of one segment, but for {path},
// which keeps its own. No segment is "." or "..", and nothing in it ends the path.
func (v values) path(t string, literal func(string) (string, error)) (string, error) {
	whole, err := replace(t, func(name string) (string, error) {
		if name == "path" {
			return strings.ReplaceAll(v[name], `\`, "_"), nil
		}
		return strings.NewReplacer("/", "_", `\`, "_").Replace(v[name]), nil
	}, literal)
	if err != nil {
		return "", err
	}
	segments := strings.Split(whole, "/")
	for i, s := range segments {
		if s == "." || s == ".." {
			s = strings.ReplaceAll(s, ".", "_")
		}
		segments[i] = escape(s)
	}
	return strings.Join(segments, "/"), nil
}

// query expands the template of a query; what is between placeholders stays as it is.
func (v values) query(t string) (string, error) {
	return replace(t, func(name string) (string, error) { return url.QueryEscape(v[name]), nil }, nil)
}

// text returns v with the bytes that are no UTF-8 spelled out: S3 keys are text.
func (v values) text() values {
	out := values{}
	for name, s := range v {
		out[name] = spell(s)
	}
	return out
}

func spell(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, "=%02X", s[0])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// escape percent-encodes all but RFC 3986 §2.3's unreserved characters, as SigV4 wants it.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
