package mdns

import (
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Lifetimes in seconds of RFC 6762 §10: what has a host name or an address in it, and the rest.
const (
	ttlHost  = 120
	ttlOther = 4500
	// ttlLegacy bounds what resolvers that know no mDNS may cache (§6.7).
	ttlLegacy = 10
)

const (
	cacheFlush   = 1 << 15 // in the class of a record: there are no others of that name (§10.2)
	unicastReply = 1 << 15 // in the class of a question: answer me alone (§5.4)
)

// record is one that this box has.
type record struct {
	name   string
	unique bool // nobody else has one of that name and type
	ttl    uint32
	body   dnsmessage.ResourceBody
	kind   dnsmessage.Type
}

// services is where browsers ask which kinds there are (RFC 6763 §9).
const services = "_services._dns-sd._udp" + domain

// records are all that the box has on one link. Names too long to be sent are none.
func (r *Responder) records(l link) []record {
	host, err := dnsmessage.NewName(r.host())
	if err != nil {
		return nil
	}
	var all []record
	for _, s := range r.cfg.Services {
		kind, err := dnsmessage.NewName(s.Type + domain)
		instance, err2 := dnsmessage.NewName(r.instanceOf(s))
		if err != nil || err2 != nil {
			continue
		}
		all = append(all,
			record{s.Type + domain, false, ttlOther, &dnsmessage.PTRResource{PTR: instance}, dnsmessage.TypePTR},
			record{services, false, ttlOther, &dnsmessage.PTRResource{PTR: kind}, dnsmessage.TypePTR},
			record{r.instanceOf(s), true, ttlHost, &dnsmessage.SRVResource{Port: r.cfg.Port, Target: host}, dnsmessage.TypeSRV},
			record{r.instanceOf(s), true, ttlOther, &dnsmessage.TXTResource{TXT: texts(s.TXT)}, dnsmessage.TypeTXT})
	}
	for _, a := range l.addrs {
		if a.Is4() {
			all = append(all, record{r.host(), true, ttlHost, &dnsmessage.AResource{A: a.As4()}, dnsmessage.TypeA})
		} else {
			all = append(all, record{r.host(), true, ttlHost, &dnsmessage.AAAAResource{AAAA: a.As16()}, dnsmessage.TypeAAAA})
		}
	}
	return all
}

// texts has at least one string, as RFC 6763 §6.1 wants, each of at most 255 bytes.
func texts(pairs []string) []string {
	var fit []string
	for _, p := range pairs {
		if len(p) <= 255 {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return []string{""}
	}
	return fit
}

// asked are the records that answer q.
func asked(all []record, q dnsmessage.Question) (found []record) {
	for _, rec := range all {
		if strings.EqualFold(rec.name, q.Name.String()) && (q.Type == rec.kind || q.Type == dnsmessage.TypeALL) {
			found = append(found, rec)
		}
	}
	return found
}

// builder makes responses.
type builder struct {
	goodbye  bool // every record ends now (RFC 6762 §10.1)
	id       uint16
	question *dnsmessage.Question // repeated to who knows no mDNS
}

func (b builder) response(answers []record, more ...record) ([]byte, error) {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: b.id, Response: true, Authoritative: true}}
	if b.question != nil {
		m.Questions = []dnsmessage.Question{*b.question}
	}
	for _, rec := range answers {
		res, err := b.resource(rec)
		if err != nil {
			return nil, err
		}
		m.Answers = append(m.Answers, res)
	}
	for _, rec := range more {
		res, err := b.resource(rec)
		if err != nil {
			return nil, err
		}
		m.Additionals = append(m.Additionals, res)
	}
	return m.Pack()
}

func (b builder) resource(rec record) (dnsmessage.Resource, error) {
	name, err := dnsmessage.NewName(rec.name)
	h := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: rec.ttl}
	switch {
	case b.goodbye:
		h.TTL = 0
	case b.question != nil:
		h.TTL = min(h.TTL, ttlLegacy)
	}
	if rec.unique && b.question == nil {
		h.Class |= cacheFlush
	}
	return dnsmessage.Resource{Header: h, Body: rec.body}, err
}
