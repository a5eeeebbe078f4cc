package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"clipd/device/api"
)

// stalled is how long a body may bring no byte before the connection is given up.
const stalled = 60 * time.Second

// Errors of a download. What has arrived is kept after errCut, and the next run goes on from there.
var (
	errCut      = errors.New("the connection ended before the clip did; run the command again to go on")
	errStalled  = errors.New("the box sent nothing for " + stalled.String())
	errChecksum = errors.New("the bytes that arrived are not the clip's: the checksum is wrong")
)

// saved is one clip on this machine's disk.
type saved struct {
	ID       string `json:"id"`
	File     string `json:"file"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256,omitempty"`
	Verified bool   `json:"verified"` // false where the box keeps no checksums
	Resumed  int64  `json:"resumed"`  // bytes that an earlier run had brought
	Already  bool   `json:"already"`  // nothing was fetched
}

// download brings one clip into a folder. Its bytes go to a part file that is named by the clip's id, and so to nothing
// else, until they are whole, verified and on disk.
type download struct {
	box   *box
	dir   string
	clip  api.Clip
	bar   *bar
	stall time.Duration
	brake *brake // nil is unlimited
	buf   []byte // what bytes pass through; nil lets io.Copy make one
	alive func() // if set, is told of every sign of life

	part  *part
	mtime time.Time // of the clip on the box, if it said so
}

// run fetches the clip unless it is there already. It blocks until the file is on disk.
func (d *download) run(ctx context.Context) (saved, error) {
	s := saved{ID: d.clip.ID, Size: d.clip.Size, SHA256: d.clip.SHA256, Verified: d.clip.SHA256 != ""}
	file, here, err := place(d.dir, d.clip, d.same)
	if s.File, s.Already = file, here; err != nil || here {
		return s, err
	}
	d.part, err = openPart(filepath.Join(d.dir, ".clipctl-"+d.clip.ID+".part"), d.clip.Size)
	if err != nil {
		return s, err
	}
	defer d.part.file.Close()
	s.Resumed = d.part.have
	if err := d.fill(ctx); err != nil {
		return s, err
	}
	return s, d.part.become(file, d.mtime, true)
}

// same tells whether file, which has the clip's size, has its content.
func (d *download) same(file string) (bool, error) {
	if d.clip.SHA256 == "" {
		return true, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum, err := sha256Of(f)
	return sum == d.clip.SHA256, err
}

// fill fetches what the part file lacks. Where an earlier run left bytes that turn out wrong, it starts over, once.
func (d *download) fill(ctx context.Context) error {
	resumed := d.part.have > 0
	err := d.fetch(ctx)
	if err == nil {
		err = d.check()
	}
	if !resumed || !errors.Is(err, errChecksum) && !isRangeProblem(err) {
		return err
	}
	if err := d.part.reset(); err != nil {
		return err
	}
	if err := d.fetch(ctx); err != nil {
		return err
	}
	return d.check()
}

func isRangeProblem(err error) bool {
	var p *api.Problem
	return errors.As(err, &p) && p.Status == http.StatusRequestedRangeNotSatisfiable
}

// check compares the part file with the clip's checksum; a wrong one leaves nothing to resume.
func (d *download) check() error {
	if d.clip.SHA256 == "" || hex.EncodeToString(d.part.sum.Sum(nil)) == d.clip.SHA256 {
		return nil
	}
	return errors.Join(errChecksum, d.part.reset())
}

// fetch appends to the part file until it has the clip's size.
func (d *download) fetch(ctx context.Context) error {
	d.bar.at(d.part.have)
	if d.part.have == d.clip.Size {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header := http.Header{}
	if d.part.have > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", d.part.have))
		header.Set("If-Range", strconv.Quote(d.clip.ID)) // the ETag is the id: RFC 9110 §13.1.5
	}
	resp, err := d.box.get(ctx, bodyPath(d.clip), nil, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := d.accept(resp); err != nil {
		return err
	}
	watch := time.AfterFunc(d.stall, func() { cancel(errStalled) })
	defer watch.Stop()
	body := tick{resp.Body, func(n int) error {
		watch.Reset(d.stall)
		d.bar.add(n)
		if d.alive != nil {
			d.alive()
		}
		return d.brake.wait(ctx, n)
	}}
	_, err = io.CopyBuffer(d.part, io.LimitReader(body, d.clip.Size-d.part.have), d.buf)
	return d.outcome(ctx, err)
}

// bodyPath is where the clip's bytes are, beneath the box's base.
func bodyPath(c api.Clip) string {
	if strings.HasPrefix(c.URLPath, "/") {
		return c.URLPath
	}
	return "/clips/" + url.PathEscape(c.ID) + "/clip"
}

// accept checks that resp continues the part file, or starts it over.
func (d *download) accept(resp *http.Response) error {
	if resp.StatusCode == http.StatusPartialContent {
		if r := resp.Header.Get("Content-Range"); !strings.HasPrefix(r, fmt.Sprintf("bytes %d-", d.part.have)) {
			return fmt.Errorf("the box answers with range %q of clip %s instead of what follows byte %d", r, d.clip.ID, d.part.have)
		}
	} else if err := d.part.reset(); err != nil {
		return err
	}
	if want := d.clip.Size - d.part.have; resp.ContentLength >= 0 && resp.ContentLength != want {
		return fmt.Errorf("the box promises %d bytes of clip %s instead of %d", resp.ContentLength, d.clip.ID, want)
	}
	d.bar.at(d.part.have)
	if t, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		d.mtime = t
	}
	return nil
}

// ask learns the clip's mtime where no body has to be fetched.
func (d *download) ask(ctx context.Context) error {
	resp, err := d.box.do(ctx, http.MethodHead, bodyPath(d.clip), nil, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if t, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		d.mtime = t
	}
	return nil
}

// outcome says what a copy that ended with err means.
func (d *download) outcome(ctx context.Context, err error) error {
	var local *fs.PathError
	switch {
	case d.part.have == d.clip.Size:
		return nil
	case errors.As(err, &local): // this machine's disk
		return err
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), errStalled):
		return fmt.Errorf("%w: %w", errCut, errStalled)
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return errCut
	}
	return fmt.Errorf("%w: %w", errCut, err)
}

// tick tells of every read that brought something.
type tick struct {
	io.Reader
	tell func(n int) error
}

func (t tick) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if n > 0 {
		if told := t.tell(n); told != nil {
			return n, told
		}
	}
	return n, err
}
