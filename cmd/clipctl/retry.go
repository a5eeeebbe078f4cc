package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"clipd/device/api"
)

// backoff is the pause before trying again: it doubles from least to most, and each is 50 to 100 % of it, so that
// clients do not come back in step.
type backoff struct{ least, most, next time.Duration }

func (b *backoff) pause() time.Duration {
	b.next = min(max(2*b.next, b.least), b.most)
	return b.next/2 + rand.N(b.next/2+1)
}

// The pauses between attempts. Tests are less patient.
var firstPause, longestPause = time.Second, 30 * time.Second

// retrying is a backoff that begins.
func retrying() backoff { return backoff{least: firstPause, most: longestPause} }

// patience is how long a box may be out of reach. Safe for concurrent use.
type patience struct {
	limit time.Duration // 0 is for ever
	begun time.Time
	last  atomic.Int64 // nanoseconds after begun of the last sign of life
}

func newPatience(limit time.Duration) *patience { return &patience{limit: limit, begun: time.Now()} }

// alive notes a sign of life.
func (p *patience) alive() { p.last.Store(int64(time.Since(p.begun))) }

func (p *patience) over() bool {
	return p.limit > 0 && time.Since(p.begun)-time.Duration(p.last.Load()) >= p.limit
}

// sleep blocks for d, but not past the limit; it is false when ctx is done.
func (p *patience) sleep(ctx context.Context, d time.Duration) bool {
	if p.limit > 0 {
		d = min(d, max(0, p.limit-(time.Since(p.begun)-time.Duration(p.last.Load()))))
	}
	end := time.NewTimer(d)
	defer end.Stop()
	select {
	case <-end.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// isPassing tells whether the same request may succeed later.
func isPassing(err error) bool {
	var problem *api.Problem
	var transport *url.Error
	switch {
	case errors.As(err, &problem):
		return problem.Status >= 500 || problem.Status == http.StatusTooManyRequests || problem.Status == http.StatusRequestTimeout
	case errors.As(err, &transport):
		return true
	}
	return errors.Is(err, errCut) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, errSilent)
}

// isGone tells whether the box no longer has the clip.
func isGone(err error) bool {
	var problem *api.Problem
	return errors.As(err, &problem) && (problem.Status == http.StatusNotFound || problem.Status == http.StatusGone)
}

// isFinal tells whether what failed for one clip will fail for all: the token, this machine's disk, patience.
func isFinal(err error) bool {
	var problem *api.Problem
	if errors.As(err, &problem) {
		return problem.Status == http.StatusUnauthorized || problem.Status == http.StatusMisdirectedRequest ||
			problem.Status == http.StatusForbidden && problem.Type != api.LinkExpired || isPassing(err)
	}
	return errors.Is(err, errCeiling) || isLocal(err) && !isName(err) || isPassing(err)
}

// isLocal tells whether err comes from a file of this machine.
func isLocal(err error) bool {
	var path *fs.PathError
	var link *os.LinkError
	return errors.As(err, &path) || errors.As(err, &link)
}

// isName tells whether the file system only dislikes the name of one file.
func isName(err error) bool {
	for _, e := range []error{fs.ErrExist, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG, syscall.EINVAL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
