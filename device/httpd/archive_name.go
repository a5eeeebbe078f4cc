package httpd

import (
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"clipd/store"
)

// nameOf is what a clip is called in an archive: its camera's folder, when it began where the box is, its extension. One
// whose name another clip has too has its id behind that.
func nameOf(c store.Clip, zone *time.Location, twin bool) string {
	begun := c.Start
	if begun.IsZero() {
		begun = c.Mtime
	}
	name := tame(c.Camera) + "/" + begun.In(zone).Format("2006-01-02_15-04-05")
	if twin {
		name += "_" + c.ID.String()
	}
	return name + extension(c.Path)
}

// longest is what the name of a camera may take, in bytes; Windows allows 260 for a whole path.
const longest = 80

// tame makes of a camera's name one that is a folder's everywhere: no path, nothing hidden, no characters that Windows
// refuses or that cannot be seen.
func tame(name string) string {
	name = strings.Map(tameRune, strings.ToValidUTF8(name, "_"))
	for len(name) > longest {
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
	}
	if end := strings.TrimRight(name, ". "); len(end) < len(name) {
		name = end + "_"
	}
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	if name == "" || name[0] == '.' || name[0] == ' ' || slices.Contains(devices, strings.TrimRight(stem, " ")) {
		name = "_" + name
	}
	return name
}

func tameRune(c rune) rune {
	if !unicode.IsPrint(c) || strings.ContainsRune(`/\:*?"<>|`, c) {
		return '_'
	}
	return c
}

// devices are names that Windows keeps for itself, with any extension.
var devices = strings.Fields("CON PRN AUX NUL COM0 COM1 COM2 COM3 COM4 COM5 COM6 COM7 COM8 COM9 LPT0 LPT1 LPT2 LPT3 LPT4 LPT5 LPT6 LPT7 LPT8 LPT9")

// extension is the file's own, if it looks like one.
func extension(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if ext == "." {
		return ""
	}
	for _, c := range strings.TrimPrefix(ext, ".") {
		if c < '0' || c > 'z' || c > '9' && c < 'a' || len(ext) > 9 {
			return ""
		}
	}
	return ext
}
