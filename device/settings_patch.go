package device

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// fileOnly are the keys that HTTP does not set, * standing for any name: they name files and programs of the box, and who
// steals an admin's token must not read the one or start the other.
var fileOnly = []string{"root", "state", "http.cert", "http.key", "mqtt.ca", "mqtt.password_file", "target.*.headers_file",
	"target.*.credentials_file", "poster.command"}

// secretKeys are written over HTTP and never told back: the key is not in any file, its value goes into a file of its own
// whose name becomes the value of the other key.
var secretKeys = map[string]string{
	"mqtt.password": "password_file", "target.*.headers": "headers_file", "target.*.credentials": "credentials_file",
}

// patch is a JSON merge patch on its way into the settings.
type patch struct {
	cfg     *Config
	secrets map[string]string // file name -> content
	errs    []error
}

// merged lays changes over what is saved. It returns the new text and the files of the secrets in it, by name.
func (s *settings) merged(changes []byte) (text []byte, secrets map[string]string, err error) {
	object, err := decodeObject(changes)
	if err != nil {
		return nil, nil, err
	}
	old, err := readSettings(s.cfg.State)
	if err != nil {
		return nil, nil, err
	}
	saved := map[string]any{}
	if err := toml.Unmarshal(old, &saved); err != nil {
		return nil, nil, decodeError(SettingsFile, err)
	}
	p := patch{cfg: &s.cfg, secrets: map[string]string{}}
	p.begin(saved, object)
	p.merge(saved, object, "")
	if err := errors.Join(p.errs...); err != nil {
		return nil, nil, settingsProblem(err)
	}
	text, err = toml.Marshal(saved)
	return text, p.secrets, err
}

// decodeObject reads one JSON object.
func decodeObject(text []byte) (object map[string]any, err error) {
	if tooDeep(text) {
		return nil, settingsProblem(errors.New("the body is nested deeper than settings are"))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err = d.Decode(&object); err == nil && object == nil {
		err = errors.New("it is null")
	}
	if _, more := d.Token(); err == nil && more != io.EOF {
		err = errors.New("there is something behind it")
	}
	if err != nil {
		return nil, settingsProblem(fmt.Errorf("the body is not a JSON object: %w", err))
	}
	return object, nil
}

// maxDepth is more than any setting has; what is nested a thousand times would become megabytes as TOML.
const maxDepth = 6

// tooDeep reads text as far as it is JSON.
func tooDeep(text []byte) bool {
	d, depth := json.NewDecoder(bytes.NewReader(text)), 0
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return true
		}
	}
}

// begin gives a target that only the configuration file has to saved, whole, before changes change a part of it: the
// table of a target replaces the one of the same name in the file.
func (p *patch) begin(saved, changes map[string]any) {
	changed, _ := changes["target"].(map[string]any)
	targets, _ := saved["target"].(map[string]any)
	all, err := p.cfg.table()
	if err != nil {
		p.errs = append(p.errs, err)
	}
	known, _ := all["target"].(map[string]any)
	for name := range changed {
		if changed[name] == nil || targets[name] != nil || known[name] == nil {
			continue
		}
		if targets == nil {
			targets = map[string]any{}
			saved["target"] = targets
		}
		p.nameSecrets(name, known[name])
		targets[name] = known[name]
	}
}

// nameSecrets writes the files of a target's secrets in full, since they are looked for beside the file that names them.
func (p *patch) nameSecrets(name string, target any) {
	table, _ := target.(map[string]any)
	for _, key := range []string{"headers_file", "credentials_file"} {
		file, _ := table[key].(string)
		if file == "" {
			continue
		}
		for _, path := range p.cfg.secretPaths("target."+name+"."+key, file) {
			if _, err := os.Stat(path); err == nil {
				table[key] = path
				break
			}
		}
	}
}

// table is the configuration as it stands in a file.
func (c *Config) table() (table map[string]any, err error) {
	text, err := toml.Marshal(c)
	if err == nil {
		err = toml.Unmarshal(text, &table)
	}
	return table, err
}

// merge is RFC 7396 §2: null removes, an object goes on, anything else replaces.
func (p *patch) merge(into, changes map[string]any, prefix string) {
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		key, v := prefix+name, changes[name]
		switch inner, isObject := v.(map[string]any); {
		case p.refused(key):
		case p.secret(into, key, v):
		case v == nil:
			delete(into, name)
		case isObject:
			table, _ := into[name].(map[string]any)
			if table == nil {
				table = map[string]any{}
			}
			p.merge(table, inner, key+".")
			into[name] = table
			if len(table) == 0 {
				delete(into, name)
			}
		default:
			into[name] = p.plain(key, v)
		}
	}
}

func (p *patch) bad(key, text string) { p.errs = append(p.errs, keyError{"", key, text}) }

// refused says why key cannot be set over HTTP, if so.
func (p *patch) refused(key string) bool {
	last := key[strings.LastIndexByte(key, '.')+1:]
	switch source := p.cfg.Sources[key]; {
	case slices.Contains(fileOnly, wild(key)):
		p.bad(key, "names a file or program of the box, so it can be set in the configuration file only")
	case strings.HasPrefix(source, "-"):
		p.bad(key, "is given by "+source+" where clipd is started, which stands above what is saved here")
	case last == "" || strings.Trim(last, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || len(last) > 64:
		p.bad(key, "is no key: use up to 64 letters, digits, _ and -")
	default:
		return false
	}
	return true
}

// secret puts the value of a secret key into a file of its own.
func (p *patch) secret(into map[string]any, key string, v any) bool {
	fileKey, ok := secretKeys[wild(key)]
	if !ok {
		return false
	}
	text, isText := v.(string)
	switch {
	case v == nil:
		delete(into, fileKey)
	case !isText || text == "" || strings.ContainsRune(text, 0):
		p.bad(key, "is not a text")
	default:
		name := newSecretName()
		p.secrets[name], into[fileKey] = strings.TrimRight(text, "\n")+"\n", name
	}
	return true
}

// plain is a JSON value as TOML has it.
func (p *patch) plain(key string, v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		n, err := v.Float64()
		if err != nil {
			p.bad(key, "is not a number that fits")
		}
		return n
	case []any:
		return p.list(key, v)
	case map[string]any: // in a list
		table := map[string]any{}
		for name := range v {
			table[name] = p.plain(key+"."+name, v[name])
		}
		return table
	case nil:
		p.bad(key, "has a null in a list")
	}
	return v
}

// list is a list of values, or of tables.
func (p *patch) list(key string, values []any) any {
	var tables []map[string]any
	for i := range values {
		values[i] = p.plain(key, values[i])
		if table, ok := values[i].(map[string]any); ok {
			tables = append(tables, table)
		}
	}
	if len(tables) == len(values) && len(tables) > 0 {
		return tables
	}
	return values
}
