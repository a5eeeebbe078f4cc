package device

import (
	"bufio"
	"fmt"
	"net/http"
	"net/textproto"
	"reflect"
	"strings"

	"clipd/device/push"
)

// pushConfig is what the configuration says about pushes, with the secrets of the files it names.
func (b *box) pushConfig() (push.Config, error) {
	c := push.Config{
		Store: b.store, Lane: b.lane, State: b.cfg.State, Root: b.root, Clock: b.clock, Log: b.log, Box: b.id, Name: b.cfg.Name,
		Location: b.cfg.location(), Allow: b.cfg.Push.Allow, Rate: int64(b.cfg.Push.Rate), Targets: map[string]push.Target{},
		Problem: func(target, text string) { b.problems.set("target/"+target, text) },
	}
	for name, t := range b.cfg.Targets {
		p, err := b.cfg.target(name, t)
		if err != nil {
			return c, err
		}
		c.Targets[name] = p
	}
	return c, nil
}

// targetsChanged reports whether a file with a target's secrets says something else now. A file that cannot be read any
// more does not count: the box goes on with what it has.
func (b *box) targetsChanged() bool {
	now, err := b.pushConfig()
	return err == nil && !reflect.DeepEqual(now.Targets, b.targets)
}

func (c *Config) target(name string, t Target) (p push.Target, err error) {
	p = push.Target{
		URL: t.URL, S3: t.S3, Bucket: t.Bucket, Region: t.Region, Key: t.Key, When: t.When, Backlog: t.Backlog, Cameras: t.Cameras,
	}
	if t.When == "" {
		p.When = push.WhenAdded
	}
	key := "target." + name
	if t.HeadersFile != "" {
		if p.Headers, err = c.headers(key+".headers_file", t.HeadersFile); err != nil {
			return p, err
		}
	}
	if t.CredentialsFile != "" {
		p.AccessKey, p.SecretKey, err = c.credentials(key+".credentials_file", t.CredentialsFile)
	}
	return p, err
}

// headers reads a file of header lines, "Name: value".
func (c *Config) headers(key, name string) (http.Header, error) {
	text, err := c.secretText(key, name)
	if err != nil {
		return nil, err
	}
	r := textproto.NewReader(bufio.NewReader(strings.NewReader(strings.TrimSpace(text) + "\n\n")))
	h, err := r.ReadMIMEHeader()
	if err != nil {
		return nil, fmt.Errorf("%s: %s is not made of lines like \"Authorization: Bearer …\"", key, name)
	}
	return http.Header(h), nil
}

// credentials reads a file whose first line is the access key's id and whose second line is the secret key.
func (c *Config) credentials(key, name string) (id, secret string, err error) {
	text, err := c.secretText(key, name)
	if err != nil {
		return "", "", err
	}
	lines := strings.Fields(text)
	if len(lines) != 2 {
		return "", "", fmt.Errorf("%s: %s does not have two lines, the access key's id and the secret key", key, name)
	}
	return lines[0], lines[1], nil
}
