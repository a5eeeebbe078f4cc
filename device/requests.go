package device

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"clipd/device/announce"
	"clipd/device/api"
	"clipd/device/clock"
	"clipd/device/link"
	"clipd/store"
)

const (
	maxQueued  = 32               // requests that wait for their turn
	maxWaiting = 64               // requests that wait for a clip
	maxWait    = 10 * time.Minute // of one of those
)

// requests is the table of what may be asked of the box. One goroutine does one request after the other; those that wait
// for a clip stand aside meanwhile.
//
// # Once and not twice
//
// A request with a transaction is answered once, and answered again, not done again, when it comes again, also after a
// kill or a power cut. Therefore its answer is kept in the catalogue, and before it is sent:
//
//   - push, pin, unpin, ack and delete commit the answer in the same transaction as what they do (delete: as the mark that
//     the next start finishes). There is no moment at which one is on disk and the other is not.
//   - link commits the answer alone: which clip it was. The link itself is made anew each time.
//   - rescan and replay commit the answer first. A kill between the two loses a rescan that the next start does anyway, or
//     a replay, never doubles it.
//   - ping, status and list change nothing and are read anew.
//
// Not kept is what asks to try again: invalid, not-allowed, busy, storage-problem, internal. A request that waited for
// its clip when the box was killed was not answered, and is done when it comes again.
type requests struct {
	store   *store.Store
	links   *link.Signer
	clock   clock.Clock
	zone    *time.Location
	linkTTL time.Duration // of links in lists; 0: unsigned
	log     *slog.Logger
	version string

	status func() api.Status
	rescan func()
	replay func(from uint64, limit int, first func(announce.Replayed) error) (ok bool, err error)
	remove func(ctx context.Context, id store.ID, reason string, also ...store.Op) error
	// targets are the names of the targets that a push is for, none where it is for a URL; push queues it.
	targets func(target, url string) ([]string, error)
	push    func(ctx context.Context, id store.ID, targets []string, url string, also ...store.Op) error

	verbs   map[string]verb
	queue   chan announce.Ask
	waiting []*job
}

// job is a request being done.
type job struct {
	announce.Ask
	names name
	until time.Time // when waiting ends; monotonic
	clip  store.Clip
}

// put queues a request; false: there is no room. It does not block.
func (t *requests) put(a announce.Ask) bool {
	select {
	case t.queue <- a:
		return true
	default:
		return false
	}
}

// run does what is asked until ctx is done. It returns nil.
func (t *requests) run(ctx context.Context) error {
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	changed := t.store.Changed()
	for {
		timer.Reset(t.due())
		select {
		case <-ctx.Done():
			return nil
		case a := <-t.queue:
			t.take(ctx, &job{Ask: a})
		case <-t.news(changed):
			changed = t.store.Changed() // before looking, so that no commit is missed
			t.look(ctx)
		case <-timer.C:
			t.look(ctx)
		}
	}
}

// news is when a request that waits may have its clip.
func (t *requests) news(changed <-chan struct{}) <-chan struct{} {
	if len(t.waiting) == 0 {
		return nil
	}
	return changed
}

// due is how long it is until the next request has waited long enough.
func (t *requests) due() time.Duration {
	due := maxWait
	for _, j := range t.waiting {
		due = min(due, time.Until(j.until))
	}
	return due
}

// take does j, answers that it cannot be done, or lets it wait.
func (t *requests) take(ctx context.Context, j *job) {
	again, err := t.before(j)
	if err == nil && again == nil && t.verbs[j.Verb].names {
		err = t.find(j, j.names.wait == 0)
		if errors.Is(err, errNotYet) {
			err = t.stand(j)
			if err == nil {
				return
			}
		}
	}
	switch {
	case again != nil:
		j.Answer(*again)
	default:
		t.end(ctx, j, err)
	}
}

// before reads j's fields and finds out whether it was answered already.
func (t *requests) before(j *job) (again *api.Response, err error) {
	if err := t.verbs[j.Verb].checkFields(j.Verb, j.Request); err != nil {
		return nil, err
	}
	if again, err = t.answered(j); err != nil || again != nil {
		return again, err
	}
	if t.verbs[j.Verb].names {
		j.names, err = t.name(j.Request, j.At)
	}
	return nil, err
}

// stand lets j wait. One that waits already under its transaction is answered once, for both.
func (t *requests) stand(j *job) error {
	same := func(o *job) bool {
		return j.Request.Transaction != "" && o.Verb == j.Verb && o.Request.Transaction == j.Request.Transaction
	}
	if slices.ContainsFunc(t.waiting, same) {
		return nil
	}
	if len(t.waiting) >= maxWaiting {
		return api.NewProblem(api.Busy, "Too many requests wait for a clip", "Ask again later.")
	}
	j.until = time.Now().Add(j.names.wait)
	t.waiting = append(t.waiting, j)
	return nil
}

// look does the requests whose clip is there, and those whose time is over.
func (t *requests) look(ctx context.Context) {
	left := t.waiting[:0]
	for _, j := range t.waiting {
		if err := t.find(j, !time.Now().Before(j.until)); errors.Is(err, errNotYet) {
			left = append(left, j)
		} else {
			t.end(ctx, j, err)
		}
	}
	clear(t.waiting[len(left):])
	t.waiting = left
}

// end does j, unless err says that it cannot be, and answers.
func (t *requests) end(ctx context.Context, j *job, err error) {
	var data any
	if err == nil {
		data, err = t.verbs[j.Verb].do(t, ctx, j)
	}
	if err == nil {
		j.Answer(api.Response{Status: "ok", Data: data})
		return
	}
	if ctx.Err() != nil {
		return // not done, or kept as done
	}
	j.Answer(t.failed(ctx, j, err))
}

// failed is the answer that err is, kept where asking again would not help.
func (t *requests) failed(ctx context.Context, j *job, err error) api.Response {
	p := problemOf(err)
	if p.Type == api.Internal {
		t.log.Error("a request could not be done", "verb", j.Verb, "error", err)
	}
	r := api.Response{Status: "error", Error: p}
	if slices.Contains([]string{api.Invalid, api.NotAllowed, api.Busy, api.StorageTrouble, api.Internal}, p.Type) {
		return r
	}
	if err := t.store.Apply(ctx, t.keep(j, r)...); err != nil {
		t.log.Error("an answer was not kept", "verb", j.Verb, "error", err)
	}
	return r
}
