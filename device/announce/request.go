package announce

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"clipd/device/api"
)

const (
	maxRequest  = 4 << 10  // bytes of one request
	maxResponse = 60 << 10 // bytes of one response; brokers, the embedded one too, limit packets
)

// Ask is a request that mqtt.requests allows. Which fields its verb reads is for whoever takes it.
type Ask struct {
	Verb    string
	Request api.Request
	At      time.Time // when it came, by the box's clock
	Base    string    // http base of URLs in the answer
	// Answer publishes the response, with the transaction filled in. It is to be called once, from any goroutine, and
	// blocks until a session has taken the response or Run has ended.
	Answer func(api.Response)
}

// answer is a response on its way.
type answer struct {
	verb     string
	response api.Response
}

// desk hands responses to the session. It outlives sessions: what was asked in one is answered in the next.
type desk struct {
	answers chan answer
	gone    chan struct{} // closed when no session will come any more
}

func newDesk() *desk { return &desk{answers: make(chan answer), gone: make(chan struct{})} }

func (d *desk) put(a answer) {
	select {
	case d.answers <- a:
	case <-d.gone:
	}
}

// request hands m on or answers at once why not.
func (s *session) request(m message) {
	r, err := decode(m.payload)
	var p *api.Problem
	switch {
	case !slices.Contains(s.cfg.Requests, m.verb):
		p = api.NewProblem(api.NotAllowed, "This request is not allowed", "Add "+m.verb+" to mqtt.requests to allow it.")
	case m.payload == nil:
		p = api.NewProblem(api.Invalid, "The request is too long", "A request has at most 4096 bytes.")
	case err != nil:
		p = api.NewProblem(api.Invalid, "The request cannot be understood", err.Error())
	case s.cfg.Ask(s.ask(m, r)):
		return
	default:
		p = errBusy
	}
	s.respond(answer{m.verb, refuse(r.Transaction, p)})
}

var errBusy = api.NewProblem(api.Busy, "Too many requests are waiting", "Ask again later.")

func refuse(transaction string, p *api.Problem) api.Response {
	return api.Response{Transaction: transaction, Status: "error", Error: p}
}

// refuseOne answers the request that has been waiting longest to be told that there is no room for it.
func (s *session) refuseOne() {
	if r, ok := s.inbox.refused.take(); ok {
		s.respond(answer{r.verb, refuse(r.transaction, errBusy)})
	}
}

func (s *session) ask(m message, r api.Request) Ask {
	return Ask{Verb: m.verb, Request: r, At: m.at, Base: s.base, Answer: func(response api.Response) {
		response.Transaction = r.Transaction
		s.desk.put(answer{m.verb, response})
	}}
}

// decode reads one JSON object with known keys and nothing behind it. The transaction is returned even with an error,
// where it can be found.
func decode(payload []byte) (r api.Request, err error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	err = d.Decode(&r)
	if err == nil && !bytes.HasPrefix(bytes.TrimLeft(payload, " \t\r\n"), []byte("{")) {
		err = errors.New("not a JSON object")
	}
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return r, nil
		}
		err = errors.New("something follows the JSON object")
	}
	return api.Request{Transaction: transaction(payload)}, err
}

// transaction finds the transaction of a request that may be anything else but a good one.
func transaction(payload []byte) string {
	var lenient struct{ Transaction string }
	_ = json.NewDecoder(bytes.NewReader(payload)).Decode(&lenient) // what cannot be read has none
	return lenient.Transaction
}

// respond publishes an answer.
func (s *session) respond(a answer) {
	b, err := marshal(a.response)
	if err != nil || len(b) > maxResponse {
		p := api.NewProblem(api.Invalid, "The answer is too long for a message", "Ask for less, with limit.")
		if err != nil {
			s.cfg.Log.Error("response not encoded", "verb", a.verb, "error", err)
			p = api.NewProblem(api.Internal, "The answer could not be written", "")
		}
		b = encode(refuse(a.response.Transaction, p))
	}
	s.publish(s.topics.response(a.verb), false, b, nil)
}
