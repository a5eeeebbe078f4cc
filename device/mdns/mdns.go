// Package mdns tells the local network of this box: a responder for multicast DNS (RFC 6762) that answers for one instance
// of some DNS-SD services (RFC 6763) and for one host name. It browses for nothing and caches nothing. It shares port 5353
// with other responders on the board, such as avahi-daemon, and speaks IPv4 on the wire; IPv6 addresses are in its answers.
//
// It touches a UDP socket and a netlink socket, and nothing on disk.
package mdns

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/dns/dnsmessage"
)

// Config is what is told. All fields are needed.
type Config struct {
	Name     string // what people call the box: the name of the instance
	Host     string // one label nobody else has; the box answers for Host.local
	Port     uint16
	Services []Service
	Log      *slog.Logger
}

// Service is a kind of service the box offers on its port.
type Service struct {
	Type string   // such as "_http._tcp"
	TXT  []string // "key=value", RFC 6763 §6
}

// Responder answers for one box. Make one with New, run it once.
type Responder struct {
	cfg      Config
	instance string // the name in use, which a conflict changes
	links    []link
	plan     []func()
	probing  bool
	told     bool // the name was announced: a newcomer's probe does not count more
	conn     *socket

	conflicts conflicts
}

// New makes a Responder. Nothing is bound before Run.
func New(cfg Config) *Responder {
	return &Responder{cfg: cfg, instance: label(cfg.Name)}
}

// label is name as one label (RFC 1035 §2.3.4: 63 bytes). A dot would end it.
func label(name string) string {
	name = strings.ReplaceAll(name, ".", "-")
	for len(name) > maxInstance {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// maxInstance leaves room in a label of 63 bytes for what a conflict appends.
const maxInstance = 50

// Intervals of RFC 6762: §8.1 for probes, §8.3 for announcements. Settle gathers what the kernel tells of one change.
const (
	probeEvery    = 250 * time.Millisecond
	announceEvery = time.Second
	settle        = 500 * time.Millisecond
)

// Run answers until ctx is done, then says goodbye (RFC 6762 §10.1) and returns nil. Where the port cannot be had it says
// so once and waits: a box that is not found by name works all the same.
func (r *Responder) Run(ctx context.Context) error {
	conn, err := listen()
	if err != nil {
		r.cfg.Log.Warn("the box is not told by mDNS", "error", err)
		<-ctx.Done()
		return nil
	}
	defer conn.close()
	r.conn = conn
	packets, changes := make(chan packet), make(chan struct{}, 1)
	go conn.read(ctx, packets)
	go conn.watch(changes)
	r.look()
	r.loop(ctx, packets, changes)
	r.tell(builder{goodbye: true})
	return nil
}

func (r *Responder) loop(ctx context.Context, packets <-chan packet, changes <-chan struct{}) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-packets:
			if after, changed := r.hear(p); changed {
				next.Reset(after)
			}
		case <-changes:
			next.Reset(settle)
			r.plan = []func(){r.look}
		case <-next.C:
			next.Reset(r.step())
		}
	}
}

// idle is how long nothing is planned: everything else comes from outside.
const idle = 24 * time.Hour

// step does the next thing planned and returns when the one after it is due.
func (r *Responder) step() time.Duration {
	if len(r.plan) == 0 {
		return idle
	}
	do := r.plan[0]
	r.plan = r.plan[1:]
	do()
	switch {
	case len(r.plan) == 0:
		return idle
	case r.probing:
		return probeEvery
	}
	return announceEvery
}

// look finds the links there are now. On a new one the name may not be free; on the others the addresses may be new.
func (r *Responder) look() {
	before := r.links
	r.links = r.conn.join()
	isNew := func(l link) bool {
		return !slices.ContainsFunc(before, func(b link) bool { return b.index == l.index })
	}
	if r.probing || slices.ContainsFunc(r.links, isNew) {
		r.begin()
		return
	}
	r.announce()
}

// begin asks for the name, then announces it.
func (r *Responder) begin() {
	r.probing = true
	r.plan = []func(){r.probe, r.probe, r.probe, r.announce}
}

// announce tells everything twice.
func (r *Responder) announce() {
	r.probing, r.told = false, true
	r.tell(builder{})
	r.plan = []func(){func() { r.tell(builder{}) }}
}

// hear deals with one packet; it reports whether the plan has changed, and after what time it begins.
func (r *Responder) hear(p packet) (after time.Duration, changed bool) {
	i := r.linkOf(p)
	if i < 0 {
		return 0, false
	}
	m, err := parse(p.data)
	if err != nil {
		return 0, false // whoever sends garbage to everybody gets no answer
	}
	if r.conflict(m) {
		r.rename()
		return r.conflicts.rest(time.Now()), true
	}
	if !m.response && (!r.probing || r.told) {
		r.answer(r.links[i], p, m)
	}
	return 0, false
}

func (r *Responder) linkOf(p packet) int {
	for i := range r.links {
		if r.links[i].index == p.index && p.toGroup {
			return i
		}
	}
	return -1
}

// rename takes a name that belongs to this box alone: its host name is unique, so one step is enough (RFC 6763 §D).
func (r *Responder) rename() {
	suffix := r.cfg.Host[max(0, len(r.cfg.Host)-4):]
	renamed := label(r.cfg.Name) + " (" + suffix + ")"
	if renamed != r.instance {
		r.cfg.Log.Warn("another box on this network has the same name; this one is told under another", "name", r.cfg.Name, "told_as", renamed)
	}
	r.instance, r.told = renamed, false
	r.begin()
}

// conflict reports whether the instance is somebody else's: it is claimed in an answer, or in a probe while we probe, and
// that claim counts more (RFC 6762 §8.2: the greater data wins).
func (r *Responder) conflict(m message) bool {
	if !m.response && (!r.probing || r.told) {
		return false
	}
	for _, c := range m.claims {
		order := cmp.Or(cmp.Compare(c.port, r.cfg.Port), strings.Compare(strings.ToLower(c.target), r.host()))
		if r.claims(c.name) && (m.response && order != 0 || order > 0) {
			return true
		}
	}
	return false
}

func (r *Responder) claims(name string) bool {
	for _, s := range r.cfg.Services {
		if strings.EqualFold(name, r.instanceOf(s)) {
			return true
		}
	}
	return false
}

func (r *Responder) host() string                { return r.cfg.Host + domain }
func (r *Responder) instanceOf(s Service) string { return r.instance + "." + s.Type + domain }

const domain = ".local."

// tell sends all records to every link, as b makes them: an announcement or a goodbye.
func (r *Responder) tell(b builder) {
	for _, l := range r.links {
		data, err := b.response(r.records(l))
		r.send(l, data, err)
	}
}

// probe asks whether anybody has the instance, with what we would say of it (RFC 6762 §8.1).
func (r *Responder) probe() {
	data, err := r.probeMessage()
	for _, l := range r.links {
		r.send(l, data, err)
	}
}

// send sends what was made without an error to everybody on l.
func (r *Responder) send(l link, data []byte, err error) {
	if err == nil {
		err = r.conn.send(data, l, group)
	}
	if err != nil {
		r.cfg.Log.Debug("mDNS could not be sent", "interface", l.name, "error", err)
	}
}

// probeMessage wants its answer sent to everybody: a reply to us alone may reach another responder of this board, which
// has the same port (RFC 6762 §15.1).
func (r *Responder) probeMessage() ([]byte, error) {
	var m dnsmessage.Message
	for _, s := range r.cfg.Services {
		name, err := dnsmessage.NewName(r.instanceOf(s))
		if err != nil {
			return nil, err
		}
		m.Questions = append(m.Questions, dnsmessage.Question{Name: name, Type: dnsmessage.TypeALL, Class: dnsmessage.ClassINET})
		host, err := dnsmessage.NewName(r.host())
		if err != nil {
			return nil, err
		}
		m.Authorities = append(m.Authorities, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: ttlHost},
			Body:   &dnsmessage.SRVResource{Port: r.cfg.Port, Target: host},
		})
	}
	return m.Pack()
}
