package device

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"clipd/device/api"
)

// verb is a row of the table.
type verb struct {
	names  bool     // it is about one clip
	fields []string // it reads, beside transaction and those that name the clip
	keeps  bool     // what was answered is kept
	// do does it and returns the answer's data. Where the verb keeps, it commits the answer too.
	do func(t *requests, ctx context.Context, j *job) (any, error)
}

var naming = []string{"id", "latest", "camera", "at", "wait"}

// verbTable has a row for each of verbs.
func verbTable() map[string]verb {
	return map[string]verb{
		"ping":   {do: (*requests).ping},
		"status": {do: (*requests).tellStatus},
		"list": {do: (*requests).list, fields: []string{
			"camera", "from", "to", "pinned", "pushed", "complete", "limit", "cursor", "order"}},
		"link":   {names: true, keeps: true, do: (*requests).link, fields: []string{"ttl"}},
		"push":   {names: true, keeps: true, do: (*requests).pushClip, fields: []string{"target", "url"}},
		"pin":    {names: true, keeps: true, do: (*requests).pin},
		"unpin":  {names: true, keeps: true, do: (*requests).pin},
		"delete": {names: true, keeps: true, do: (*requests).delete},
		"ack":    {names: true, keeps: true, do: (*requests).ack, fields: []string{"consumer", "sha256"}},
		"replay": {keeps: true, do: (*requests).tellAgain, fields: []string{"seq", "limit"}},
		"rescan": {keeps: true, do: (*requests).scan},
	}
}

// checkFields refuses what a verb does not read: a request that is half understood is not half done.
func (v verb) checkFields(name string, r api.Request) error {
	var read []string
	if v.names {
		read = append(read, naming...)
	}
	read = append(read, v.fields...)
	for _, field := range given(r) {
		if field == "transaction" || slices.Contains(read, field) {
			continue
		}
		detail := name + " reads nothing but transaction."
		if len(read) > 0 {
			detail = name + " reads " + strings.Join(read, ", ") + " and transaction."
		}
		return api.NewProblem(api.Invalid, name+" does not read "+field, detail)
	}
	return nil
}

// given are the JSON names of r's fields that have a value.
func given(r api.Request) (names []string) {
	v := reflect.ValueOf(r)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

func invalid(title, detail string) error { return api.NewProblem(api.Invalid, title, detail) }
