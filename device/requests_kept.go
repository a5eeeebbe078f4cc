package device

import (
	"encoding/json"
	"errors"
	"fmt"

	"clipd/device/api"
	"clipd/device/httpd"
	"clipd/store"
)

// kept is an answer in the catalogue.
type kept struct {
	Status string          `json:"status"`
	Data   json.RawMessage `json:"data,omitempty"`
	Error  *api.Problem    `json:"error,omitempty"`
}

// keep is the op that keeps j's answer; none where it has no transaction or its verb keeps nothing.
func (t *requests) keep(j *job, r api.Response) []store.Op {
	if j.Request.Transaction == "" || !t.verbs[j.Verb].keeps {
		return nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("encode an answer to %s: %v", j.Verb, err)) // plain fields
	}
	return []store.Op{store.Answered(j.Verb, j.Request.Transaction, b)}
}

// keepOK is keep for an answer that all went well.
func (t *requests) keepOK(j *job, data any) []store.Op {
	return t.keep(j, api.Response{Status: "ok", Data: data})
}

// answered returns what j was answered before, nil if it was not.
func (t *requests) answered(j *job) (*api.Response, error) {
	if j.Request.Transaction == "" || !t.verbs[j.Verb].keeps {
		return nil, nil
	}
	b, ok, err := t.store.Answer(j.Verb, j.Request.Transaction)
	if err != nil || !ok {
		return nil, err
	}
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return nil, fmt.Errorf("read the answer kept for a %s: %w", j.Verb, err)
	}
	r := &api.Response{Status: k.Status, Error: k.Error}
	if k.Data != nil {
		r.Data = k.Data
	}
	if j.Verb == "link" && k.Status == "ok" {
		r.Data, err = t.linkAgain(j, k.Data)
	}
	return r, err
}

// problemOf is what err means to whoever asked.
func problemOf(err error) *api.Problem {
	if errors.Is(err, store.ErrBadCursor) {
		return api.NewProblem(api.Invalid, "The cursor is malformed", "Use next of the answer before, with the same fields.")
	}
	return httpd.ProblemOf(err)
}
