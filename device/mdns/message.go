package mdns

import (
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// message is what matters of a packet.
type message struct {
	id        uint16
	response  bool
	questions []dnsmessage.Question
	known     []string // instances the asker has already, "type name" (RFC 6762 §7.1)
	claims    []claim
}

// claim is a service record somebody has, or wants to have.
type claim struct {
	name, target string
	port         uint16
}

// maxRecords bounds what one packet may make us look at.
const maxRecords = 200

func parse(data []byte) (m message, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(data)
	if err != nil {
		return m, err
	}
	m.id, m.response = h.ID, h.Response
	if m.questions, err = p.AllQuestions(); err != nil {
		return m, err
	}
	if err := m.section(&p, p.AnswerHeader, p.SkipAnswer); err != nil {
		return m, err
	}
	return m, m.section(&p, p.AuthorityHeader, p.SkipAuthority)
}

// section reads the pointers and services of one section.
func (m *message) section(p *dnsmessage.Parser, header func() (dnsmessage.ResourceHeader, error), skip func() error) error {
	for range maxRecords {
		h, err := header()
		if err == dnsmessage.ErrSectionDone {
			return nil
		}
		if err != nil {
			return err
		}
		switch h.Type {
		case dnsmessage.TypePTR:
			var r dnsmessage.PTRResource
			if r, err = p.PTRResource(); err == nil && h.TTL >= ttlOther/2 {
				m.known = append(m.known, h.Name.String()+" "+r.PTR.String())
			}
		case dnsmessage.TypeSRV:
			var r dnsmessage.SRVResource
			if r, err = p.SRVResource(); err == nil && h.TTL > 0 {
				m.claims = append(m.claims, claim{h.Name.String(), r.Target.String(), r.Port})
			}
		default:
			err = skip()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// knows reports whether the asker has rec already.
func (m *message) knows(rec record) bool {
	ptr, ok := rec.body.(*dnsmessage.PTRResource)
	if !ok {
		return false
	}
	for _, k := range m.known {
		if strings.EqualFold(k, rec.name+" "+ptr.PTR.String()) {
			return true
		}
	}
	return false
}

// answer replies to the questions that are about this box: to everybody, or to the asker alone where it wants that or
// knows no mDNS (it asks from another port than 5353; RFC 6762 §6.7).
func (r *Responder) answer(l link, p packet, m message) {
	all := r.records(l)
	for _, q := range m.questions {
		var answers []record
		for _, rec := range asked(all, q) {
			if !m.knows(rec) {
				answers = append(answers, rec)
			}
		}
		if len(answers) == 0 {
			continue
		}
		b, to := builder{}, group
		if p.from.Port() != group.Port() {
			q.Class &^= unicastReply
			b, to = builder{id: m.id, question: &q}, p.from
		} else if q.Class&unicastReply != 0 {
			to = p.from
		}
		data, err := b.response(answers, others(all, answers)...)
		if err == nil {
			err = r.conn.send(data, l, to)
		}
		if err != nil {
			r.cfg.Log.Debug("an mDNS question was not answered", "from", p.from, "error", err)
		}
	}
}

// others are the records that save the asker a second question: service, text and addresses (RFC 6763 §12).
func others(all, answers []record) (more []record) {
	for _, a := range answers {
		ptr, ok := a.body.(*dnsmessage.PTRResource)
		if !ok || a.name == services {
			continue
		}
		for _, rec := range all {
			if rec.name == ptr.PTR.String() || rec.kind == dnsmessage.TypeA || rec.kind == dnsmessage.TypeAAAA {
				more = append(more, rec)
			}
		}
	}
	return more
}
