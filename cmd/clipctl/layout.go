package main

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"clipd/device/api"
)

// A layout says where in a folder a clip goes: a path with slashes in which {box}, {box_name}, {camera}, {date}, {name},
// {id} and {path} stand for the clip's own.
type layout string

const defaultLayout = layout("{box_name}/{camera}/{date}/{name}")

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// check refuses a layout that clips cannot be told apart in, or that has an unknown word.
func (l layout) check() error {
	for _, word := range placeholder.FindAllString(string(l), -1) {
		if _, ok := layoutWords[word]; !ok {
			return usageError(fmt.Sprintf("--layout: %s is none of {box}, {box_name}, {camera}, {date}, {name}, {id}, {path}", word))
		}
	}
	if !strings.Contains(string(l), "{name}") && !strings.Contains(string(l), "{path}") && !strings.Contains(string(l), "{id}") {
		return usageError("--layout names every clip the same: it needs {name}, {path} or {id}")
	}
	return nil
}

// layoutWords gives the elements that a word stands for. Only {path} is more than one.
var layoutWords = map[string]func(w *wanted) string{
	"{box}":      func(w *wanted) string { return cleanElement(w.from.id) },
	"{box_name}": func(w *wanted) string { return cleanElement(w.from.name) },
	"{camera}":   func(w *wanted) string { return cleanElement(w.clip.Camera) },
	"{date}":     func(w *wanted) string { return dateOf(w.clip) },
	"{name}":     func(w *wanted) string { return fileName(w.clip) },
	"{id}":       func(w *wanted) string { return cleanElement(w.clip.ID) },
	"{path}":     func(w *wanted) string { return cleanPath(w.clip.Path) },
}

// dateOf is the day the clip begins on the clock of this machine.
func dateOf(c api.Clip) string {
	if c.Start.IsZero() {
		return "undated"
	}
	return c.Start.Local().Format("2006-01-02")
}

// file is where w goes, with slashes, beneath the folder: nothing in a clip's names leads out of it, into .clipctl or
// onto a name that the system keeps for itself.
func (l layout) file(w *wanted) string {
	filled := placeholder.ReplaceAllStringFunc(string(l), func(word string) string { return layoutWords[word](w) })
	file := cleanPath(filled)
	if file == "" {
		return cleanElement(w.clip.ID)
	}
	return file
}

// cleanPath cleans each element and drops empty ones, "." and "..".
func cleanPath(p string) string {
	var elements []string
	for e := range strings.SplitSeq(p, "/") {
		if e = cleanElement(e); e != "" {
			elements = append(elements, e)
		}
	}
	return strings.Join(elements, "/")
}

// besides is file with the clip's id before its extension, for where another clip has the name already.
func besides(file, id string) string {
	ext := path.Ext(file)
	return strings.TrimSuffix(file, ext) + "." + cleanElement(id) + ext
}

// at is the path of file, which has slashes, on this machine.
func (d *folder) at(file string) string { return filepath.Join(d.dir, filepath.FromSlash(file)) }
