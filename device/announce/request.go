package announce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"clipd/device/api"
)

const (
	maxRequest  = 4 << 10  // bytes of one request
	maxResponse = 60 << 10 // bytes of one response; brokers, the embedded one too, limit packets
	waiting     = 16       // requests that may wait for their turn, and messages not yet looked at
)

// message is a request as it came.
type message struct {
	topic   string
	payload []byte // nil if it was longer than maxRequest
}

// inbox holds what the broker has sent until the session looks at it. A message too many is dropped: requests come
// with QoS 1 and paho acknowledges them, so whoever floods the box hears nothing.
type inbox chan message

func newInbox() inbox { return make(inbox, waiting) }

// put is called by paho, which must not be held up: it only copies.
func (i inbox) put(_ mqtt.Client, m mqtt.Message) {
	if m.Retained() { // a request of another day
		return
	}
	c := message{topic: m.Topic()}
	if len(m.Payload()) <= maxRequest {
		c.payload = append([]byte{}, m.Payload()...)
	}
	select {
	case i <- c:
	default:
	}
}

// job is a request that waits for its turn; answer is what became of it.
type job struct {
	verb    string
	request api.Request
}

type answer struct {
	verb     string
	response api.Response
}

// desk does one request after the other. It outlives sessions: what was begun is ended, and answered by the next one.
type desk struct {
	do      func(context.Context, string, api.Request) api.Response
	todo    chan job
	answers chan answer
}

func newDesk(do func(context.Context, string, api.Request) api.Response) *desk {
	return &desk{do: do, todo: make(chan job, waiting), answers: make(chan answer)}
}

func (d *desk) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-d.todo:
			r := d.do(ctx, j.verb, j.request)
			r.Transaction = j.request.Transaction
			select {
			case d.answers <- answer{j.verb, r}:
			case <-ctx.Done():
				return
			}
		}
	}
}

// request puts m on the desk or answers at once why not.
func (s *session) request(m message) {
	verb := s.topics.verb(m.topic)
	r, err := decode(m.payload)
	var p *api.Problem
	switch {
	case !slices.Contains(s.cfg.Requests, verb):
		p = api.NewProblem(api.NotAllowed, "This request is not allowed", "Add "+verb+" to mqtt.requests to allow it.")
	case m.payload == nil:
		p = api.NewProblem(api.Invalid, "The request is too long", "A request has at most 4096 bytes.")
	case err != nil:
		p = api.NewProblem(api.Invalid, "The request cannot be understood", err.Error())
	default:
		select {
		case s.desk.todo <- job{verb, r}:
			return
		default:
			p = api.NewProblem(api.Busy, "Too many requests are waiting", "Ask again later.")
		}
	}
	s.respond(answer{verb, api.Response{Transaction: r.Transaction, Status: "error", Error: p}})
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
	var lenient struct{ Transaction string }
	_ = json.NewDecoder(bytes.NewReader(payload)).Decode(&lenient) // err says it already
	return api.Request{Transaction: lenient.Transaction}, err
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
		b = encode(api.Response{Transaction: a.response.Transaction, Status: "error", Error: p})
	}
	s.publish(s.topics.response(a.verb), false, b, 0)
}
