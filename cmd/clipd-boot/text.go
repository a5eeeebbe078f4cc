package main

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// table is what clipd-boot takes out of the file; the rest is clipd's configuration.
const table = "first_boot"

// plain undoes what editors do to a text: a byte order mark, line ends of two characters.
func plain(text string) (string, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", errors.New("this is no plain text in UTF-8; in the editor choose \"Save as\" and the encoding UTF-8")
	}
	return strings.ReplaceAll(text, "\r\n", "\n"), nil
}

// split separates the settings of the first boot from the configuration. Keys that are unknown are an error beside what
// is known; broken TOML is an error alone. rest has the lines where they were, so that messages name the right ones, and
// is "" when no setting is left in it.
func split(text string) (first firstBoot, rest string, err error) {
	var all map[string]any
	if _, err := toml.Decode(text, &all); err != nil {
		return first, "", broken(err)
	}
	var known struct {
		FirstBoot firstBoot `toml:"first_boot"`
	}
	md, err := toml.Decode(text, &known)
	if err != nil {
		return first, "", broken(err)
	}
	var unknown []error
	for _, k := range md.Undecoded() {
		if k[0] == table && len(k) > 1 {
			unknown = append(unknown, fmt.Errorf("%s: unknown key; there are: %s", k, strings.Join(keys(), " ")))
		}
	}
	delete(all, table)
	rest, err = without(text, all)
	return known.FirstBoot, rest, errors.Join(append(unknown, err)...)
}

func broken(err error) error {
	if pe := (toml.ParseError{}); errors.As(err, &pe) {
		return fmt.Errorf("line %d: %s: %s", pe.Position.Line, pe.LastKey, pe.Message)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "toml: "))
}

// without returns text without the table, its other lines and comments as they are. Where the lines of the table cannot
// be told from others (it is written in another way than [first_boot]), it is written anew from left, which is its content.
func without(text string, left map[string]any) (string, error) {
	if len(left) == 0 {
		return "", nil
	}
	rest := blank(text)
	var got map[string]any
	if _, err := toml.Decode(rest, &got); err == nil && reflect.DeepEqual(got, left) {
		return strings.TrimRight(rest, "\n") + "\n", nil
	}
	var b bytes.Buffer
	err := toml.NewEncoder(&b).Encode(left)
	return b.String(), err
}

// blank empties the lines from [first_boot] to the next table.
func blank(text string) string {
	lines, inside := strings.Split(text, "\n"), false
	for i, l := range lines {
		if l = strings.TrimSpace(l); strings.HasPrefix(l, "[") {
			name, _, _ := strings.Cut(strings.TrimLeft(l, "["), "]")
			inside = strings.Trim(name, " \t\"'") == table
		}
		if inside {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}

func keys() (names []string) {
	t := reflect.TypeFor[firstBoot]()
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("toml"))
	}
	return names
}
