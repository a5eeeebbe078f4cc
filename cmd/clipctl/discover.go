package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/hashicorp/mdns"
	"github.com/spf13/cobra"

	"clipd/device/api"
)

// found is a box that told of itself.
type found struct {
	Name    string `json:"name"`
	Box     string `json:"box,omitempty"`
	URL     string `json:"url"`
	Version string `json:"version,omitempty"`
	By      string `json:"by"` // "mdns" or "mqtt"
}

func discoverCommand(o *options) *cobra.Command {
	var f brokerFlags
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "discover",
		Short: "Look for boxes: on this network by mDNS, or at an MQTT broker",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			look := discoverMDNS
			if f.url != "" {
				look = f.discover
			}
			boxes, err := look(cmd.Context(), wait)
			if err != nil {
				return err
			}
			slices.SortFunc(boxes, func(a, b found) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.URL, b.URL)) })
			for _, b := range boxes {
				if err := b.print(cmd.OutOrStdout(), o.json); err != nil {
					return err
				}
			}
			if len(boxes) == 0 {
				return fmt.Errorf("no box answered within %v; it may be on another network, where mDNS does not reach: try --broker or --url", wait)
			}
			return nil
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().DurationVar(&wait, "wait", discoverWait, "listen for answers so long")
	return cmd
}

func (b found) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(b)
	}
	_, err := fmt.Fprintf(w, "%-20s  %-12s  %s\n", printable(b.Name), printable(b.Box), printable(b.URL))
	return err
}

// discoverWait is how long answers are listened for.
const discoverWait = 2 * time.Second

// service is what boxes are called in DNS-SD (RFC 6763 §7).
const service = "_clipd._tcp"

func discoverMDNS(ctx context.Context, wait time.Duration) (boxes []found, err error) {
	entries := make(chan *mdns.ServiceEntry, 64)
	done := make(chan error, 1)
	go func() {
		done <- mdns.QueryContext(ctx, &mdns.QueryParam{Service: service, Timeout: wait, Entries: entries, Logger: log.New(io.Discard, "", 0)})
		close(entries)
	}()
	for e := range entries {
		if b := foundByMDNS(e); !slices.Contains(boxes, b) && strings.Contains(e.Name, service) {
			boxes = append(boxes, b)
		}
	}
	if err := <-done; err != nil {
		return nil, fmt.Errorf("asking by mDNS: %w", err)
	}
	return boxes, nil
}

// foundByMDNS reads name, box id, version and the scheme from the TXT record where they are there; the instance's own name
// has a suffix where two boxes are called the same.
func foundByMDNS(e *mdns.ServiceEntry) found {
	name, _, _ := strings.Cut(e.Name, "."+service)
	b := found{Name: strings.ReplaceAll(name, `\ `, " "), By: "mdns"}
	scheme, host := "http", strings.TrimSuffix(e.Host, ".")
	if e.AddrV4 != nil {
		host = e.AddrV4.String()
	}
	for _, field := range e.InfoFields {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "id":
			b.Box = value
		case "name":
			b.Name = value
		case "version":
			b.Version = value
		case "tls":
			scheme = choose(value == "1" || value == "true", "https", scheme)
		}
	}
	b.URL = scheme + "://" + net.JoinHostPort(host, strconv.Itoa(e.Port))
	return b
}

// discover reads what boxes keep at the broker about themselves.
func (f *brokerFlags) discover(ctx context.Context, wait time.Duration) (boxes []found, err error) {
	s, err := f.connect(ctx, "", false, f.prefix+"/+/info")
	if err != nil {
		return nil, err
	}
	defer s.end()
	err = s.retained(ctx, wait, func(m mqtt.Message) {
		var i api.Info
		if json.Unmarshal(m.Payload(), &i) == nil && i.Box != "" {
			boxes = append(boxes, found{Name: i.Name, Box: i.Box, URL: i.URL, Version: i.Version, By: "mqtt"})
		}
	})
	return boxes, err
}

// retained calls tell with each retained message of the subscriptions; they are over when none has come for wait.
func (s *session) retained(ctx context.Context, wait time.Duration, tell func(mqtt.Message)) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, wait)
		m, err := s.next(quiet)
		cancel()
		switch {
		case err == nil && m.Retained():
			tell(m)
			m.Ack()
		case err == nil:
			m.Ack()
		case ctx.Err() == nil && quiet.Err() != nil:
			return nil
		default:
			return err
		}
	}
}
