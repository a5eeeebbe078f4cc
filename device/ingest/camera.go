package ingest

import (
	"fmt"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Camera is one configured source of clips.
type Camera struct {
	Match  string        // a glob over the path relative to the root; ** is any number of folders, the rest is path.Match's
	Name   string        // what its clips' camera is called
	Expect time.Duration // no clip for that long is a problem; 0: never
}

// defaultCamera is the camera of files whose path names none.
const defaultCamera = "default"

// maxCamera bounds a camera's name in bytes: it is part of topics, URLs and index keys.
const maxCamera = 128

// CheckMatch says whether pattern can be a Camera.Match: nil, or what is wrong with it.
func CheckMatch(pattern string) error {
	if pattern == "" || strings.HasPrefix(pattern, "/") {
		return fmt.Errorf("glob %q: must be relative to the recordings folder, like \"front/**\"", pattern)
	}
	for element := range strings.SplitSeq(pattern, "/") {
		if _, err := path.Match(element, ""); err != nil {
			return fmt.Errorf("glob %q: %w", pattern, err)
		}
	}
	return nil
}

// Glob returns whether a path relative to the root fits pattern, which CheckMatch has found to be in order.
func Glob(pattern string) func(path string) bool {
	return glob{elements: strings.Split(pattern, "/")}.match
}

// glob is a Camera with its pattern taken apart.
type glob struct {
	elements []string
	name     string
}

func globs(cameras []Camera) []glob {
	gs := make([]glob, 0, len(cameras))
	for _, c := range cameras {
		gs = append(gs, glob{strings.Split(c.Match, "/"), c.Name})
	}
	return gs
}

func (g glob) match(file string) bool { return matchElements(g.elements, strings.Split(file, "/")) }

// matchElements is linear in the number of ** but for the backtracking to the last one, as in any glob.
func matchElements(pattern, elements []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			return matchRest(pattern[1:], elements)
		}
		if len(elements) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], elements[0]); !ok || err != nil {
			return false
		}
		pattern, elements = pattern[1:], elements[1:]
	}
	return len(elements) == 0
}

// matchRest is what stands behind a **: it must fit some tail of elements.
func matchRest(pattern, elements []string) bool {
	if len(pattern) == 0 {
		return true
	}
	for i := range len(elements) + 1 {
		if matchElements(pattern, elements[i:]) {
			return true
		}
	}
	return false
}

// camera says which camera the file is from: the first glob that fits, else its first folder unless that is a date or
// an hour, else "default".
func (in *Ingest) camera(file string) string {
	for _, g := range in.cameras {
		if g.match(file) {
			return g.name
		}
	}
	first, _, inFolder := strings.Cut(file, "/")
	if !inFolder || looksLikeDate(first) {
		return defaultCamera
	}
	return cameraName(first)
}

// IsDate reports whether the last element of a folder is what recorders call a date or an hour.
func IsDate(folder string) bool { return looksLikeDate(path.Base(folder)) }

// looksLikeDate says whether a folder's name is what recorders call a year, month, day or hour: 2026, 2026-11,
// 2026-11-22, 2026_11_22, 20261122, 2026112207, 07.
func looksLikeDate(name string) bool {
	digits := 0
	for i := range len(name) {
		switch c := name[i]; {
		case isDigit(c):
			digits++
		case (c != '-' && c != '_' && c != '.') || i == 0 || i == len(name)-1:
			return false
		}
	}
	if digits == 2 {
		return len(name) == 2 && name <= "31"
	}
	year := len(name) >= 4 && number(name[:4]) >= minYear && number(name[:4]) <= maxYear
	return year && (digits == 4 || digits == 6 || digits == 8 || digits == 10)
}

// cameraName makes a folder's name one that can be asked for again: valid UTF-8, no control characters, not too long.
func cameraName(folder string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(folder, string(utf8.RuneError)))
	for len(name) > maxCamera {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}
