package device

import (
	"encoding/json"
	"errors"
	"fmt"

	"clipd/device/api"
	"clipd/device/root"
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

// problemOf is what err means to whoever asked. What only the log may know stays out.
func problemOf(err error) *api.Problem {
	var p *api.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, store.ErrNotFound):
		return api.NewProblem(api.NotFound, "No such clip", "It was deleted, or never was on this box.")
	case errors.Is(err, store.ErrBadCursor):
		return api.NewProblem(api.Invalid, "The cursor is malformed", "Use next of the answer before, with the same fields.")
	case errors.Is(err, store.ErrWrongHash):
		return api.NewProblem(api.Conflict, "This is not the clip's SHA-256", "What you have is not the clip: fetch it again.")
	case errors.Is(err, store.ErrTooManyConsumers):
		return api.NewProblem(api.Conflict, "There are too many consumers", "Delete one that is gone from /api/v1/consumers.")
	case errors.Is(err, root.ErrAway):
		return api.NewProblem(api.StorageTrouble, "The recordings folder is not there or cannot be written", "The status says what is wrong with it.")
	case errors.Is(err, store.ErrFull):
		return api.NewProblem(api.StorageTrouble, "The disk of the state folder is full", "Free some space on it.")
	case errors.Is(err, store.ErrClosed):
		return api.NewProblem(api.Busy, "The box is stopping", "Ask again in a moment.")
	}
	return api.NewProblem(api.Internal, "The box could not do this", "Its log says why.")
}
