package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"clipd/device/api"
)

const (
	maxPage   = 1000     // the box's own limit on clips in one answer
	maxAnswer = 16 << 20 // bytes of JSON; 1000 clips are about half a megabyte
	dialing   = 10 * time.Second
	answering = 60 * time.Second // a card that wakes up or a busy scan may take long to say the first word
)

// box speaks HTTP with one box. Safe for concurrent use.
type box struct {
	name   string   // what config.toml calls it, or ""
	base   *url.URL // without a trailing slash; may have a path prefix
	token  string   // "" sends none
	client *http.Client
}

func newBox(base *url.URL, token string) *box {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: dialing}).DialContext
	t.ResponseHeaderTimeout = answering
	t.MaxIdleConnsPerHost = 64
	t.DisableCompression = true // ranges count bytes as they are stored
	return &box{base: base, token: token, client: &http.Client{Transport: t}}
}

// get asks for path (absolute, may be escaped) and returns a response with a 2xx status; the caller closes its body.
// Any other status is returned as *api.Problem, a failed connection as *url.Error.
func (b *box) get(ctx context.Context, path string, query url.Values, header http.Header) (*http.Response, error) {
	return b.do(ctx, http.MethodGet, path, query, header, nil)
}

// do is get with any method and body.
func (b *box) do(ctx context.Context, method, path string, query url.Values, header http.Header, body io.Reader) (*http.Response, error) {
	target := b.base.String() + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if b.token != "" {
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, explain(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problem(resp)
}

// send changes something at path: say, if not nil, goes as JSON, and answer, if not nil, takes the JSON that comes back.
func (b *box) send(ctx context.Context, method, path string, say, answer any) error {
	var body io.Reader
	header := http.Header{}
	if say != nil {
		text, err := json.Marshal(say)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
		header.Set("Content-Type", "application/json")
	}
	resp, err := b.do(ctx, method, path, nil, header, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if answer == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // the connection can be used again
	} else if err = json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(answer); err != nil {
		err = fmt.Errorf("reading the answer to %s: %w", path, err)
	}
	return err
}

// problem reads the document of RFC 9457 that came with a refusal; proxies send others, so the status must do without.
func problem(resp *http.Response) error {
	p := &api.Problem{Title: "the box answers " + resp.Status}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "application/problem+json" {
		// What cannot be decoded leaves the title made of the status.
		_ = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(p)
	}
	p.Status = resp.StatusCode
	if p.Status == http.StatusUnauthorized && p.Detail == "" {
		p.Detail = "Say --token-file FILE or set " + envToken + "; clipd -add-token NAME=viewer makes a token."
	}
	return p
}

// read asks for path and decodes the JSON it answers into v.
func (b *box) read(ctx context.Context, path string, query url.Values, v any) error {
	resp, err := b.get(ctx, path, query, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(v); err != nil {
		return fmt.Errorf("reading the answer to %s: %w", path, err)
	}
	return nil
}

// clip returns one clip by its id.
func (b *box) clip(ctx context.Context, id string) (c api.Clip, err error) {
	return c, b.read(ctx, "/api/v1/clips/"+url.PathEscape(id), nil, &c)
}

// errEndless is a listing that names the same page again.
var errEndless = errors.New("the box repeats a page of its listing")

// clips yields the clips of query page by page, up to limit of them (0 is all). It holds one page in memory. An error
// ends it.
func (b *box) clips(ctx context.Context, query url.Values, limit int) iter.Seq2[api.Clip, error] {
	return func(yield func(api.Clip, error) bool) {
		for n := 0; ; {
			query.Set("limit", strconv.Itoa(pageSize(limit, n)))
			var page struct {
				Clips []api.Clip `json:"clips"`
				Next  string     `json:"next"`
			}
			err := b.read(ctx, "/api/v1/clips", query, &page)
			if err == nil && page.Next != "" && page.Next == query.Get("cursor") {
				err = errEndless
			}
			if err != nil {
				yield(api.Clip{}, err)
				return
			}
			for _, c := range page.Clips {
				if n++; !yield(c, nil) || n == limit {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("cursor", page.Next)
		}
	}
}

func pageSize(limit, n int) int {
	if limit == 0 {
		return maxPage
	}
	return min(limit-n, maxPage)
}
