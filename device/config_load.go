package device

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// SettingsFile is what the dashboard saved, in the state folder.
const SettingsFile = "settings.toml"

// Flags are the values of the command line that a Config takes; "" is unset.
type Flags struct {
	Config string // a file; "-" is standard input
	Dir    string
	Listen string
	Broker string
}

// Load builds the configuration: defaults < file < state/settings.toml < -dir < flags. The errors name file, line and key.
// Several things that are wrong are told at once (errors.Join).
func Load(f Flags, stdin io.Reader) (Config, error) { return loadWith(f, stdin, readSettings) }

// with is the configuration with text in the place of what the dashboard saved. All else is read again.
func (c *Config) with(text []byte) (Config, error) {
	return loadWith(c.flags, bytes.NewReader(c.piped), func(string) ([]byte, error) { return text, nil })
}

// loadWith takes from saved, which is given the state folder, what the dashboard saved.
func loadWith(f Flags, stdin io.Reader, saved func(state string) ([]byte, error)) (Config, error) {
	c := Defaults()
	c.flags = f
	if f.Config == "" && f.Dir == "" {
		f.Dir = "var"
		c.set("http.listen", &c.HTTP.Listen, "127.0.0.1:"+defaultPort, "")
	}
	err := c.readFile(f.Config, stdin)
	c.applyDir(f.Dir) // where state is decides which settings are read; it stands above them all the same
	text, err2 := saved(c.State)
	err = errors.Join(err, err2, c.decodeSettings(text))
	c.applyDir(f.Dir)
	c.set("http.listen", &c.HTTP.Listen, f.Listen, "-listen")
	c.set("mqtt.broker", &c.MQTT.Broker, f.Broker, "-broker")
	return c, errors.Join(err, c.check(), c.absolute())
}

// set gives a value from outside the files; source "" leaves it a default.
func (c *Config) set(key string, field *string, value, source string) {
	if value == "" {
		return
	}
	*field = value
	if source != "" {
		c.Sources[key] = source
	}
}

func (c *Config) applyDir(dir string) {
	if dir == "" {
		return
	}
	c.set("root", &c.Root, filepath.Join(dir, "recordings"), "-dir")
	c.set("state", &c.State, filepath.Join(dir, "state"), "-dir")
}

func (c *Config) absolute() error {
	var err [2]error
	c.Root, err[0] = filepath.Abs(c.Root)
	c.State, err[1] = filepath.Abs(c.State)
	return errors.Join(err[:]...)
}

func (c *Config) readFile(name string, stdin io.Reader) error {
	switch name {
	case "":
		return nil
	case "-":
		text, err := io.ReadAll(io.LimitReader(stdin, maxConfig+1))
		c.piped = text
		return errors.Join(err, c.decode("standard input", text))
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	c.file = name
	return c.decode(name, text)
}

// readSettings is what the dashboard saved, nothing if it did not.
func readSettings(state string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(state, SettingsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read what the dashboard saved: %w", err)
	}
	return text, nil
}

// decodeSettings lays what the dashboard saved over c. A list there replaces the whole list here: the TOML library would
// mix the tables of both.
func (c *Config) decodeSettings(text []byte) error {
	var lists struct {
		Camera []any
		Keep   struct{ Class []any }
	}
	if _, err := toml.Decode(string(text), &lists); err == nil && lists.Camera != nil {
		c.Cameras = nil
	}
	if lists.Keep.Class != nil {
		c.Keep.Classes = nil
	}
	return c.decode(filepath.Join(c.State, SettingsFile), text)
}

// maxConfig is far more than any box needs and little enough to read into memory.
const maxConfig = 1 << 20

// decode lays the TOML text over c. Unknown keys are errors.
func (c *Config) decode(file string, text []byte) error {
	if len(text) > maxConfig {
		return fmt.Errorf("%s: larger than %d bytes; is this the right file?", file, maxConfig)
	}
	md, err := toml.Decode(string(text), c)
	if err != nil {
		return decodeError(file, err)
	}
	lines := keyLines(string(text))
	var errs []error
	for _, k := range md.Undecoded() {
		errs = append(errs, keyError{fmt.Sprintf("%s:%d", file, lines[k.String()]), k.String(), unknownKey(k.String())})
	}
	for _, k := range md.Keys() {
		c.Sources[k.String()] = fmt.Sprintf("%s:%d", file, lines[k.String()])
	}
	return errors.Join(errs...)
}

// typeError is how the TOML library words a value of the wrong type, for which it makes no ParseError.
var typeError = regexp.MustCompile(`^toml: line (\d+) \(last key "(.*?)"\): (.*)$`)

// decodeError says which line and key of file is wrong.
func decodeError(file string, err error) error {
	if m := typeError.FindStringSubmatch(err.Error()); m != nil {
		return keyError{file + ":" + m[1], m[2], m[3]}
	}
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", file, err)
	}
	return keyError{fmt.Sprintf("%s:%d", file, pe.Position.Line), pe.LastKey, pe.Message}
}

// unknownKey says what to write instead.
func unknownKey(key string) string {
	if last := key[strings.LastIndexByte(key, '.')+1:]; last == "password" {
		return "unknown key; secrets do not stand in this file: use password_file"
	}
	best, distance := "", len(key)/2+1
	for _, k := range knownKeys(reflect.TypeFor[Config](), "") {
		if d := editDistance(wild(key), k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return "unknown key"
	}
	return fmt.Sprintf("unknown key; did you mean %s?", best)
}

// wild replaces the name of a target, which people choose, by an asterisk.
func wild(key string) string {
	p := strings.Split(key, ".")
	if len(p) > 2 && p[0] == "target" {
		p[1] = "*"
	}
	return strings.Join(p, ".")
}

// knownKeys lists every key Config takes, dotted.
func knownKeys(t reflect.Type, prefix string) (keys []string) {
	for f := range fields(t) {
		name := prefix + f.Tag.Get("toml")
		switch inner := elem(f.Type); {
		case f.Type.Kind() == reflect.Map:
			keys = append(keys, knownKeys(inner, name+".*.")...)
		case inner.Kind() == reflect.Struct && inner != reflect.TypeFor[Share]():
			keys = append(keys, knownKeys(inner, name+".")...)
		default:
			keys = append(keys, name)
		}
	}
	return keys
}

func elem(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		return t.Elem()
	}
	return t
}

// fields yields the fields of t that stand in a file.
func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			if tag := f.Tag.Get("toml"); tag != "" && tag != "-" && !yield(f) {
				return
			}
		}
	}
}

// editDistance is Levenshtein's, in bytes: keys are ASCII.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
