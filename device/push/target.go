package push

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"clipd/store"
)

// WhenAdded is the Target.When of one that gets each clip as it is added; any other gets what is asked for.
const WhenAdded = "added"

// Target is somewhere clips are pushed to, with its secrets: a URL, or a bucket at S3.
type Target struct {
	URL     string // with placeholders in path and query; a user name and password in it are sent as Basic
	Headers http.Header

	S3                   string // https://endpoint, or https://{bucket}.endpoint where the bucket is part of the host
	Bucket, Region       string
	AccessKey, SecretKey string
	Key                  string // with placeholders; "" is {box}/{camera}/{date}/{name}

	When    string
	Backlog bool     // also clips that a scan found, and those that were there before the target
	Cameras []string // names; none: all
}

// wants reports whether t gets the clip of a clip_added by itself.
func (t *Target) wants(e *store.Event) bool {
	return e.Type == store.ClipAdded && (e.Origin == store.Live || t.Backlog) && t.covers(&e.Clip)
}

func (t *Target) covers(c *store.Clip) bool {
	return len(t.Cameras) == 0 || slices.Contains(t.Cameras, c.Camera)
}

// Check tells why t cannot be a target; nil if it can.
func (t *Target) Check() error {
	_, err := newDestination(*t)
	return err
}

// destination is a Target taken apart.
type destination struct {
	Target
	base  url.URL // scheme, host and user
	path  string  // template
	query string  // template
	key   string  // template, of S3
}

func newDestination(t Target) (*destination, error) {
	d := &destination{Target: t}
	raw := t.URL
	if t.S3 != "" {
		if t.URL != "" || t.Bucket == "" || t.AccessKey == "" || t.SecretKey == "" {
			return nil, errors.New("s3 needs a bucket, an access key and a secret key, and no url")
		}
		d.Region = cmp.Or(t.Region, "us-east-1")
		d.key = strings.TrimPrefix(cmp.Or(t.Key, "{box}/{camera}/{date}/{name}"), "/")
		raw = strings.ReplaceAll(t.S3, "{bucket}", t.Bucket)
		if raw == t.S3 {
			raw = strings.TrimRight(raw, "/") + "/" + escape(t.Bucket)
		}
		raw = strings.TrimRight(raw, "/") + "/"
	}
	if err := d.parse(raw); err != nil {
		return nil, err
	}
	for _, part := range []string{d.path, d.query, d.key} {
		if err := checkTemplate(part); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// parse takes the URL template apart before anything is put into it, so that what is put in stays in its place.
func (d *destination) parse(raw string) error {
	whole, query, _ := strings.Cut(raw, "?")
	scheme, rest, _ := strings.Cut(whole, "://")
	host, path, _ := strings.Cut(rest, "/")
	u, err := url.Parse(scheme + "://" + host)
	if err != nil || u.Host == "" || scheme != "http" && scheme != "https" || strings.Contains(raw, "#") {
		return errors.New("its address is no http:// or https:// URL with placeholders after the host only")
	}
	if _, err := replace(path, func(string) (string, error) { return "", nil }, url.PathUnescape); err != nil {
		return fmt.Errorf("its path: %w", err)
	}
	d.base, d.path, d.query = *u, "/"+path, query
	return nil
}

// url is where clip c goes.
func (d *destination) url(v values) (*url.URL, error) {
	p, err := v.path(d.path, url.PathUnescape)
	if err != nil {
		return nil, err
	}
	if d.S3 != "" {
		key, err := v.text().path(d.key, nil)
		if err != nil {
			return nil, err
		}
		p += key
	}
	u := d.base
	u.RawPath = p
	if u.Path, err = url.PathUnescape(p); err != nil {
		return nil, err
	}
	u.RawQuery, err = v.query(d.query)
	return &u, err
}
