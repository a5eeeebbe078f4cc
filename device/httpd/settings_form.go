package httpd

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"clipd/device/api"
	"clipd/device/httpd/web"
)

// maxRows bounds the lines of a form.
const maxRows = 200

// lookup is the value of a dotted key, nil if there is none.
func lookup(config map[string]any, key string) any {
	var v any = config
	for _, name := range strings.Split(key, ".") {
		table, _ := v.(map[string]any)
		v = table[name]
	}
	return v
}

// shown is a value as people type it; a zero that means "not set" is nothing.
func shown(v any) string {
	switch v := v.(type) {
	case string:
		if v == "0" || v == "0s" {
			return ""
		}
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		lines := make([]string, len(v))
		for i := range v {
			lines[i] = shown(v[i])
		}
		return strings.Join(lines, "\n")
	}
	return ""
}

// tables is a list of tables, as the TOML library gives it.
func tables(v any) (out []map[string]any) {
	switch v := v.(type) {
	case []map[string]any:
		return v
	case []any:
		for _, one := range v {
			if table, ok := one.(map[string]any); ok {
				out = append(out, table)
			}
		}
	}
	return out
}

// changesOf is what the form changes, as a merge patch: only what says something else than config.
func changesOf(form url.Values, config map[string]any) (map[string]any, error) {
	id := form.Get("section")
	parts := partsFor(config)
	i := slices.IndexFunc(parts, func(p part) bool { return p.id == id })
	if i < 0 {
		return nil, api.NewProblem(api.Conflict, "This part of the settings is gone", "Load the page again.")
	}
	changes := map[string]any{}
	name := strings.TrimPrefix(id, targetPart)
	switch isTarget := strings.HasPrefix(id, targetPart); {
	case isTarget && form.Get("do") == "remove":
		put(changes, []string{"target", name}, nil)
		return changes, nil
	case isTarget && name == "":
		return addedTarget(form, parts[i], config)
	}
	for _, f := range parts[i].settings {
		if v, changed := changeOf(f, form, config); changed {
			put(changes, strings.Split(f.key, "."), v)
		}
	}
	if rows := parts[i].rows; rows != nil {
		if v, changed := rowsChange(*rows, form, config); changed {
			put(changes, strings.Split(rows.Key, "."), v)
		}
	}
	return changes, nil
}

// addedTarget is the form of a new target: its fields have no name in their keys.
func addedTarget(form url.Values, p part, config map[string]any) (map[string]any, error) {
	name := strings.TrimSpace(form.Get(newTarget))
	if targets, _ := config["target"].(map[string]any); name == "" || targets[name] != nil || strings.Contains(name, ".") {
		problem := api.NewProblem(api.BadRequest, "The settings were not saved", "A new target needs a name that no other has.")
		problem.Errors = []api.KeyError{{Key: newTarget, Detail: "Use a name that no other target has, of letters, digits, - and _."}}
		return nil, problem
	}
	changes := map[string]any{}
	put(changes, []string{"target", name}, map[string]any{})
	for _, f := range p.settings[1:] {
		if v, changed := changeOf(f, form, nil); changed && v != nil {
			put(changes, []string{"target", name, strings.TrimPrefix(f.key, "target..")}, v)
		}
	}
	return changes, nil
}

// put sets a value in nested tables.
func put(changes map[string]any, key []string, v any) {
	for _, name := range key[:len(key)-1] {
		inner, ok := changes[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			changes[name] = inner
		}
		changes = inner
	}
	changes[key[len(key)-1]] = v
}

// changeOf is the new value of a setting; nil goes back to what it is without the dashboard.
func changeOf(f setting, form url.Values, config map[string]any) (v any, changed bool) {
	typed := strings.ReplaceAll(form.Get(f.key), "\r\n", "\n")
	typed = strings.TrimSpace(typed)
	before := shown(lookup(config, f.key))
	if f.kind == web.OneOf && !slices.ContainsFunc(f.choices, func(c [2]string) bool { return c[0] == before }) {
		before = f.choices[0][0] // which the browser shows
	}
	switch {
	case !form.Has(f.key) || typed == before && f.kind != web.Secret:
		return nil, false
	case f.kind == web.Secret:
		if f.key[strings.LastIndexByte(f.key, '.')+1:] == "credentials" {
			typed = strings.ReplaceAll(typed, " ", "\n")
		}
		return typed, typed != ""
	case f.kind == web.OneOf && isBool(f):
		return typed == "true", typed == "true" || before == "true"
	case f.kind == web.OneOf:
		return typed, true
	case typed == "":
		return nil, true
	case f.kind == web.Lines:
		return words(typed), true
	}
	if n, err := strconv.ParseInt(typed, 10, 64); err == nil && isNumber(f, config) {
		return json.Number(strconv.FormatInt(n, 10)), true
	}
	return typed, true
}

func isBool(f setting) bool { return f.choices[0] == yesNo[0] }

func isNumber(f setting, config map[string]any) bool {
	_, ok := lookup(config, f.key).(int64)
	return ok
}

// words are the lines of a list.
func words(typed string) (list []string) {
	for line := range strings.Lines(typed) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// typedRows are the lines of a form that are not empty.
func typedRows(form url.Values, rows web.Rows) (lines [][]string) {
	for i := range maxRows {
		line, some := make([]string, len(rows.Columns)), false
		for j, c := range rows.Columns {
			line[j] = strings.TrimSpace(form.Get(rows.Key + "." + strconv.Itoa(i) + "." + c.Key))
			some = some || line[j] != ""
		}
		if some {
			lines = append(lines, line)
		}
	}
	return lines
}

// rowsChange is the whole list anew, if anything in it is another.
func rowsChange(rows web.Rows, form url.Values, config map[string]any) (v any, changed bool) {
	var before [][]string
	for _, table := range tables(lookup(config, rows.Key)) {
		line := make([]string, len(rows.Columns))
		for i, c := range rows.Columns {
			line[i] = shown(table[c.Key])
		}
		before = append(before, line)
	}
	lines := typedRows(form, rows)
	if slices.EqualFunc(before, lines, slices.Equal[[]string]) {
		return nil, false
	}
	list := []any{}
	for _, line := range lines {
		table := map[string]any{}
		for i, c := range rows.Columns {
			if line[i] != "" {
				table[c.Key] = line[i]
			}
		}
		list = append(list, table)
	}
	return list, true
}
