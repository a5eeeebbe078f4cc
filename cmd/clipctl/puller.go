package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"sync"

	"clipd/device/api"
)

// copyBuffer is what the bytes of a download pass through: large enough that system calls cost little.
const copyBuffer = 256 << 10

// maxOrdered bounds how many clips may be finished while one before them is not.
const maxOrdered = 256

// A puller brings clips into a folder: a feed tells it which, workers fetch them, and in the order of the feed each is
// settled, which is when a cursor passes it or a message is acknowledged.
type puller struct {
	dir      *folder
	layout   layout
	query    url.Values // which clips a listing is asked for
	filter   *filter
	again    bool
	relist   bool   // ask for the whole list although the cursor is known
	ack      string // consumer; "" is nobody
	flush    bool
	parallel int
	brake    *brake
	ceiling  *ceiling
	patience *patience
	report   *report

	jobs  chan *wanted
	order chan *wanted
	end   context.CancelCauseFunc

	mu     sync.Mutex
	busy   map[ledgerKey]*wanted
	failed int
	stated error // of the first clip that failed
}

// wanted is one clip that a feed asks for.
type wanted struct {
	clip   api.Clip // without an id where the event is about none that is wanted
	from   *source  // what it is noted under
	box    *box     // where its bytes are
	settle func(ok bool) error

	twin *wanted // the same clip, asked for before and still on its way
	ok   bool    // to be read after done
	done chan struct{}
}

// clipID is what an id may look like in a file's name here.
var clipID = regexp.MustCompile(`^[0-9a-z]{1,64}$`)

// ready prepares what can fail before anything is fetched.
func (p *puller) ready() error {
	if n := p.dir.ledger.damaged; n > 0 {
		p.report.note("%d damaged lines of the ledger were passed over; clips they told of are looked for again", n)
	}
	return p.ceiling.measure()
}

// run pulls what feed asks for until feed returns and everything is settled. Only one goroutine may call it, once.
func (p *puller) run(ctx context.Context, feed func(context.Context) error) error {
	ctx, p.end = context.WithCancelCause(ctx)
	defer p.end(nil)
	p.jobs, p.order, p.busy = make(chan *wanted), make(chan *wanted, maxOrdered), map[ledgerKey]*wanted{}
	var workers, settler sync.WaitGroup
	for range p.parallel {
		workers.Go(func() { p.work(ctx) })
	}
	settler.Go(p.settle)
	err := feed(ctx)
	close(p.jobs)
	workers.Wait()
	close(p.order)
	settler.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	p.report.finish()
	if err == nil && p.failed == 0 {
		err = p.dir.sweep()
	}
	if err == nil && p.failed > 0 {
		err = fmt.Errorf("%d clips could not be pulled, the first: %w", p.failed, p.stated)
	}
	return err
}

// want has w pulled unless it is here, and settled in its turn. It blocks while all workers are busy.
func (p *puller) want(ctx context.Context, w *wanted) error {
	w.done = make(chan struct{})
	fetch, err := p.wants(w)
	if err != nil {
		return err
	}
	if !fetch && w.settle == nil {
		return nil
	}
	if !fetch {
		w.ok = true
		close(w.done)
	}
	select {
	case p.order <- w:
	case <-ctx.Done():
		if fetch {
			p.finished(w)
		}
		return context.Cause(ctx)
	}
	if !fetch {
		return nil
	}
	select {
	case p.jobs <- w:
		return nil
	case <-ctx.Done():
		p.finished(w)
		return context.Cause(ctx)
	}
}

// wants tells whether a worker has to do something about w. If so it is marked as busy.
func (p *puller) wants(w *wanted) (bool, error) {
	if w.clip.ID == "" || !p.filter.matches(w.clip) {
		return false, nil
	}
	if !clipID.MatchString(w.clip.ID) || w.clip.Size < 0 {
		return false, fmt.Errorf("%s lists a clip as %q with %d bytes, which no box does", w.from.name, w.clip.ID, w.clip.Size)
	}
	pulled, acked := p.dir.ledger.has(w.from.id, w.clip.ID, p.ack)
	if pulled && !p.again && (acked || p.ack == "") {
		return false, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	k := keyOf(w.from.id, w.clip.ID)
	if w.twin = p.busy[k]; w.twin != nil {
		return false, nil
	}
	p.busy[k] = w
	return true, nil
}

func (p *puller) finished(w *wanted) {
	p.mu.Lock()
	delete(p.busy, keyOf(w.from.id, w.clip.ID))
	p.mu.Unlock()
	close(w.done)
}

// work pulls one clip after the other until there are no more.
func (p *puller) work(ctx context.Context) {
	buf := make([]byte, copyBuffer)
	for w := range p.jobs {
		t := task{puller: p, wanted: w, buf: buf}
		p.judge(ctx, w, t.run(ctx))
		p.finished(w)
	}
}

// judge decides what an outcome means for the clip and for everything else.
func (p *puller) judge(ctx context.Context, w *wanted, err error) {
	switch {
	case err == nil:
		w.ok = true
	case ctx.Err() != nil:
	case isGone(err):
		w.ok = true
		p.report.note("clip %s (%s) went from the box before it could be fetched", w.clip.ID, w.clip.Path)
	case isFinal(err):
		p.end(err)
	default:
		err = fmt.Errorf("clip %s (%s): %w", w.clip.ID, w.clip.Path, err)
		p.report.trouble("%v", err)
		p.mu.Lock()
		if p.failed++; p.failed == 1 {
			p.stated = err
		}
		p.mu.Unlock()
	}
}

// settle settles in the order of the feed.
func (p *puller) settle() {
	for w := range p.order {
		<-w.done
		if w.twin != nil {
			<-w.twin.done
			w.ok = w.twin.ok
		}
		if w.settle == nil {
			continue
		}
		if err := w.settle(w.ok); err != nil {
			p.end(err)
		}
	}
}

// idle tells whether everything that was asked for so far is settled.
func (p *puller) idle() bool { return len(p.order) == 0 }

// retry calls do again, with pauses that grow, while the box cannot be reached and patience lasts.
func (p *puller) retry(ctx context.Context, do func() error) error {
	wait := retrying()
	for {
		err := do()
		switch {
		case err == nil:
			p.report.reached()
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !isPassing(err):
			return err
		case p.patience.over():
			return fmt.Errorf("gave up after %v without an answer; the next run goes on where this one ended: %w", p.patience.limit, err)
		}
		p.report.unreachable(err)
		if !p.patience.sleep(ctx, wait.pause()) {
			return context.Cause(ctx)
		}
	}
}

// each calls do for one source after the other, and for all although one fails.
func each(ctx context.Context, sources []*source, do func(*source, context.Context) error) error {
	var errs []error
	for _, s := range sources {
		if err := do(s, ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.box.base.Host, err))
		}
	}
	return errors.Join(errs...)
}

// together calls do for all sources at once and returns when all have ended.
func together(ctx context.Context, sources []*source, do func(*source, context.Context) error) error {
	errs := make([]error, len(sources))
	var all sync.WaitGroup
	for i, s := range sources {
		all.Go(func() { errs[i] = do(s, ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}
