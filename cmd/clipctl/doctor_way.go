package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"clipd/device/api"
)

// links checks that the address which announcements carry leads to the box from here.
func (d *doctor) links(ctx context.Context) []finding {
	const fix = "Set http.public_url in the configuration to an address that works where the announcements are read"
	base, err := url.Parse(strings.TrimSuffix(d.status.URL, "/"))
	if err != nil || base.Host == "" {
		return []finding{{"links", false, fmt.Sprintf("the box calls itself %q", d.status.URL), fix}}
	}
	there := newBox(base, "")
	there.client.Transport = d.box.client.Transport
	resp, err := there.get(ctx, "/healthz", nil, nil)
	if err != nil {
		return []finding{{"links", false, "announcements carry " + base.String() + ", which does not answer here: " + err.Error(), fix}}
	}
	resp.Body.Close()
	return []finding{{"links", true, "announcements carry " + base.String() + ", which answers here", ""}}
}

// bytes fetches the beginning of the newest clip, as a range.
func (d *doctor) bytes(ctx context.Context) []finding {
	for c, err := range d.box.clips(ctx, url.Values{}, 1) {
		if err != nil {
			return []finding{{"clips", false, err.Error(), "On the box: journalctl -u clipd -n 50"}}
		}
		return []finding{d.fetch(ctx, c)}
	}
	return nil
}

func (d *doctor) fetch(ctx context.Context, c api.Clip) finding {
	resp, err := d.box.get(ctx, bodyPath(c), nil, http.Header{"Range": {"bytes=0-1023"}})
	if err != nil {
		return finding{"clips", false, "clip " + c.ID + " cannot be fetched: " + err.Error(), "On the box: clipd -check -depth hash compares the disk with the catalogue"}
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 2048))
	if err != nil || resp.StatusCode != http.StatusPartialContent || n != min(1024, c.Size) {
		return finding{"clips", false, fmt.Sprintf("a range of clip %s comes as %s with %d bytes", c.ID, resp.Status, n), "A proxy in between drops Range: see the snippets for nginx and Caddy in build/recipes"}
	}
	return finding{"clips", true, "the newest can be fetched, by range too", ""}
}

// fromHere tries the broker from this machine and looks for the box there.
func (d *doctor) fromHere(ctx context.Context) []finding {
	if d.broker.url == "" {
		return nil
	}
	boxes, err := d.broker.discover(ctx, discoverWait)
	switch {
	case errors.Is(err, errBrokerRefused):
		return []finding{{"broker here", false, err.Error(), "Say the right --broker tcp://NAME@HOST and --broker-password-file FILE"}}
	case err != nil:
		return []finding{{"broker here", false, err.Error(), "Is the broker running, and does it listen for other machines?"}}
	}
	for _, b := range boxes {
		if b.Box == d.status.Box {
			return []finding{{"broker here", true, "it knows the box as " + b.Name, ""}}
		}
	}
	return []finding{{"broker here", false, "it knows nothing of this box", "The box must use the same broker and prefix: mqtt.broker, mqtt.prefix"}}
}

// others tells of problems that the box states and no other check has told of.
func (d *doctor) others(context.Context) (all []finding) {
	for _, p := range d.status.Problems {
		if said := d.status.Broker.Error; p != d.status.StorageProblem && (said == "" || !strings.Contains(p, said)) {
			all = append(all, finding{"box", false, p, "On the box: journalctl -u clipd -n 50"})
		}
	}
	return all
}
