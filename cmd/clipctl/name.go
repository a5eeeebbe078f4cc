package main

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"clipd/device/api"
)

// maxName leaves room in the 255 bytes that file systems allow for an id and a dot.
const maxName = 255 - len("0123456789abcdef") - 1

// fileName is what c is called on this machine: the last element of its path. The path came from a box and is not trusted.
func fileName(c api.Clip) string {
	if name := cleanElement(path.Base(c.Path)); name != "" {
		return name
	}
	return c.ID
}

// cleanElement is s as one element of a path, without what Windows, a shell or a file listing would trip over; "" where
// nothing is left of it.
func cleanElement(s string) string { return cleanElementOn(s, runtime.GOOS) }

func cleanElementOn(s, system string) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || !unicode.IsPrint(r) || r == utf8.RuneError {
			return '_'
		}
		return r
	}, s)
	name = strings.TrimRight(name, ". ") // Windows drops them silently
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") || system == "windows" && isDevice(name) {
		name = "_" + name
	}
	return shorten(name)
}

// isDevice tells whether Windows takes a name for one of its devices, whatever its extension.
func isDevice(name string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch stem = strings.TrimRight(stem, " "); stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	digit, ok := strings.CutPrefix(stem, "COM")
	if !ok {
		digit, ok = strings.CutPrefix(stem, "LPT")
	}
	return ok && utf8.RuneCountInString(digit) == 1 && strings.ContainsAny(digit, "0123456789¹²³")
}

// shorten cuts the stem, on a whole character, and keeps the extension.
func shorten(name string) string {
	ext := path.Ext(name)
	if len(ext) > 16 {
		ext = ""
	}
	stem := strings.TrimSuffix(name, ext)
	for len(stem)+len(ext) > maxName {
		_, n := utf8.DecodeLastRuneInString(stem)
		stem = stem[:len(stem)-n]
	}
	return stem + ext
}

// place is where c goes in dir: its file name or, where another file has that already, the same with the clip's id.
// here tells that c is there, which same decides for a file of the right size.
func place(dir string, c api.Clip, same func(file string) (bool, error)) (file string, here bool, err error) {
	name := fileName(c)
	ext := path.Ext(name)
	for _, candidate := range []string{name, strings.TrimSuffix(name, ext) + "." + c.ID + ext} {
		file = filepath.Join(dir, candidate)
		info, err := os.Lstat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return file, false, nil
		case err != nil:
			return "", false, err
		case !info.Mode().IsRegular() || info.Size() != c.Size:
			continue
		}
		if here, err := same(file); here || err != nil {
			return file, here, err
		}
	}
	return "", false, &fs.PathError{Op: "create", Path: file, Err: fs.ErrExist}
}
