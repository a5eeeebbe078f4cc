package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"clipd/device/api"
	"clipd/device/root"
	"clipd/store"
)

// How long a client should wait before it asks again.
const (
	retryBusy    = 5 * time.Second
	retryStorage = 30 * time.Second
)

// fail answers with the problem that err is: a page for people in a browser, RFC 9457 for everybody else.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := ProblemOf(err)
	s.metrics.problem(p.Type)
	if p.Type == api.Internal && !errors.Is(err, context.Canceled) {
		s.cfg.Log.Error("a request could not be answered", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if p.Status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		setRetryAfter(w, retryOf(p))
	}
	if wantsPage(r) {
		s.problemPage(w, r, p)
		return
	}
	writeProblem(w, p)
}

func writeProblem(w http.ResponseWriter, p *api.Problem) {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // four strings and a number
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	w.Write(append(body, '\n'))
}

// ProblemOf is what err means to a client, over HTTP and over MQTT. What only the log may know stays out.
func ProblemOf(err error) *api.Problem {
	var p *api.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, store.ErrNotFound):
		return api.NewProblem(api.NotFound, "No such clip", "It was deleted, or never was on this box.")
	case errors.Is(err, store.ErrBadCursor):
		return api.NewProblem(api.BadRequest, "The cursor is malformed", "Use next of the page before, with the same parameters.")
	case errors.Is(err, store.ErrWrongHash):
		return api.NewProblem(api.Conflict, "This is not the clip's SHA-256", "What was fetched is not the clip: fetch it again.")
	case errors.Is(err, store.ErrTooManyConsumers):
		return api.NewProblem(api.Conflict, "There are too many consumers", "Delete one that is gone from /api/v1/consumers.")
	case errors.Is(err, root.ErrAway):
		return api.NewProblem(api.StorageTrouble, "The recordings folder is not there or cannot be written", "The status says what is wrong with it.")
	case errors.Is(err, root.ErrNotRegular), errors.Is(err, fs.ErrNotExist):
		return errGone
	case errors.Is(err, store.ErrFull):
		return api.NewProblem(api.StorageTrouble, "The disk of the state folder is full", "Free some space on it.")
	case errors.Is(err, store.ErrClosed):
		return api.NewProblem(api.Busy, "The box is stopping", "Ask again in a moment.")
	}
	return api.NewProblem(api.Internal, "The box could not do this", "Its log says why.")
}

var errGone = api.NewProblem(api.Gone, "The file of this clip has changed or is gone",
	"The recording on the disk is not the one in the catalogue any more. List the clips again.")

func retryOf(p *api.Problem) time.Duration {
	if p.Type == api.StorageTrouble {
		return retryStorage
	}
	return retryBusy
}

// setRetryAfter asks for d, in whole seconds (RFC 9110 §10.2.3), at least one.
func setRetryAfter(w http.ResponseWriter, d time.Duration) {
	seconds := max(1, int((d+time.Second-1)/time.Second))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
}

// wantsPage says whether a person is looking: browsers ask for text/html when they navigate, and for nothing so when
// a page loads a video or a picture.
func wantsPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}

func badRequest(title, detail string) error { return api.NewProblem(api.BadRequest, title, detail) }
