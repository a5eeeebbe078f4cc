package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"clipd/device/api"
)

// messages are a feed from an MQTT broker. A box that is also asked over HTTP is read from its journal wherever a message
// does not follow on the last; of any other box a message is all there is: it is fetched by the signed link in it, and
// acknowledged when the clip is in the folder, so that the broker sends it again where that did not happen.
type messages struct {
	puller  *puller
	broker  brokerFlags
	sources []*source          // asked over HTTP too; none: every box at the broker
	known   map[string]*source // by box id
	servers map[string]*box    // by the address in links
}

// follow pulls until ctx is done or the broker refuses.
func (m *messages) follow(ctx context.Context) error {
	m.known, m.servers = map[string]*source{}, map[string]*box{}
	wait := retrying()
	for {
		err := m.session(ctx, func() { wait.next = 0 })
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !errors.Is(err, errBrokerLost) {
			return err
		}
		if m.puller.patience.over() {
			return fmt.Errorf("gave up after %v: %w", m.puller.patience.limit, err)
		}
		m.puller.report.note("%v; trying again", err)
		if !m.puller.patience.sleep(ctx, wait.pause()) {
			return context.Cause(ctx)
		}
	}
}

// session subscribes, catches up over HTTP with what was said before, and goes on by messages.
func (m *messages) session(ctx context.Context, heard func()) error {
	for _, s := range m.sources {
		if err := s.identify(ctx); err != nil {
			return err
		}
		m.known[s.id] = s
	}
	id := "clipctl-" + strings.ToLower(m.puller.dir.ledger.id[:12])
	line, err := m.broker.connect(ctx, id, len(m.sources) == 0, m.topics()...)
	if err != nil {
		return err
	}
	defer line.end()
	m.puller.report.note("following %s", strings.Join(m.topics(), ", "))
	if err := each(ctx, m.sources, (*source).catchUp); err != nil {
		return err
	}
	for {
		message, err := line.next(ctx)
		if err != nil {
			return err
		}
		heard()
		m.puller.patience.alive()
		if err := m.take(ctx, message); err != nil {
			return err
		}
	}
}

func (m *messages) topics() (topics []string) {
	for _, s := range m.sources {
		topics = append(topics, m.broker.prefix+"/"+s.id+"/event")
	}
	if len(topics) == 0 {
		topics = []string{m.broker.prefix + "/+/event"}
	}
	return topics
}

// take goes on by one message.
func (m *messages) take(ctx context.Context, message mqtt.Message) error {
	var e api.Event
	if err := json.Unmarshal(message.Payload(), &e); err != nil || e.Box == "" || message.Retained() {
		m.puller.report.note("a message on %s is no event", message.Topic())
		message.Ack()
		return nil
	}
	s := m.known[e.Box]
	if s == nil {
		s = &source{puller: m.puller, id: e.Box, name: e.BoxName}
		m.known[e.Box] = s
	}
	if s.box == nil {
		return m.byLink(ctx, s, e, message)
	}
	message.Ack() // the journal is what counts
	switch {
	case e.Generation == s.at.Generation && e.Seq <= s.at.Seq:
		return nil
	case e.Generation == s.at.Generation && e.Seq == s.at.Seq+1:
		return s.take(ctx, e)
	}
	return s.catchUp(ctx)
}

// byLink pulls the clip of a box that is known from its messages only.
func (m *messages) byLink(ctx context.Context, s *source, e api.Event, message mqtt.Message) error {
	settle := func(ok bool) error {
		if ok || ctx.Err() == nil { // a clip that failed was told of; it would fail again
			message.Ack()
		}
		return nil
	}
	if e.EventType == "gap" {
		m.puller.report.note("%s has clips that it announces to nobody; say --url to get those too", s.name)
	}
	w := &wanted{clip: wantedOf(e), from: s, settle: settle}
	if w.clip.ID != "" {
		link, err := url.Parse(w.clip.URL)
		if err != nil || link.Host == "" || link.Scheme != "http" && link.Scheme != "https" {
			m.puller.report.trouble("clip %s of %s comes without a link; say --url to fetch it", w.clip.ID, s.name)
			w.clip = api.Clip{}
		} else {
			w.box = m.at(link)
			w.clip.URLPath = link.RequestURI()
		}
	}
	return m.puller.want(ctx, w)
}

// at is where a link points; its connections are used again.
func (m *messages) at(link *url.URL) *box {
	base := url.URL{Scheme: link.Scheme, Host: link.Host}
	if m.servers[base.String()] == nil {
		m.servers[base.String()] = newBox(&base, "")
	}
	return m.servers[base.String()]
}
