package announce

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"clipd/device/api"
)

// tap stands between a box and its broker and notes which journal rows are published and which are acknowledged, before
// either side learns of it.
type tap struct {
	t      *testing.T
	l      net.Listener
	broker string
	wg     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	first []uint64        // seqs in the order in which they were published for the first time
	seen  map[uint64]int  // how often
	acked map[uint64]bool // with a PUBACK
	upTo  uint64          // every row published up to here is acknowledged
	next  int             // index in first of the oldest that is not
}

func newTap(t *testing.T, broker string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{t: t, l: l, broker: broker, conns: map[net.Conn]bool{}, seen: map[uint64]int{}, acked: map[uint64]bool{}}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *tap) url() string { return "tcp://" + p.l.Addr().String() }

// cut closes the connections there are.
func (p *tap) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

func (p *tap) accept() {
	for {
		box, err := p.l.Accept()
		if err != nil {
			return
		}
		broker, err := net.Dial("tcp", p.broker)
		if err != nil {
			box.Close()
			continue
		}
		p.mu.Lock()
		p.conns[box], p.conns[broker] = true, true
		p.mu.Unlock()
		ids := &sync.Map{} // message id -> seq, of this session
		p.wg.Go(func() { p.pass(box, broker, func(c packets.ControlPacket) { p.published(ids, c) }) })
		p.wg.Go(func() { p.pass(broker, box, func(c packets.ControlPacket) { p.acknowledged(ids, c) }) })
	}
}

// pass copies packets until either end is gone.
func (p *tap) pass(from, to net.Conn, note func(packets.ControlPacket)) {
	defer from.Close()
	defer to.Close()
	var copied bytes.Buffer
	r := io.TeeReader(from, &copied)
	for {
		c, err := packets.ReadPacket(r)
		if err != nil {
			return
		}
		note(c)
		if _, err := copied.WriteTo(to); err != nil {
			return
		}
	}
}

func (p *tap) published(ids *sync.Map, c packets.ControlPacket) {
	m, ok := c.(*packets.PublishPacket)
	if !ok || m.TopicName != newTopics("clipd", boxID).event() {
		return
	}
	var e api.Event
	if err := json.Unmarshal(m.Payload, &e); err != nil {
		p.t.Errorf("event %q: %v", m.Payload, err)
	}
	ids.Store(m.MessageID, e.Seq)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[e.Seq]++; p.seen[e.Seq] == 1 {
		p.first = append(p.first, e.Seq)
	}
}

func (p *tap) acknowledged(ids *sync.Map, c packets.ControlPacket) {
	m, ok := c.(*packets.PubackPacket)
	if !ok {
		return
	}
	if seq, ok := ids.Load(m.MessageID); ok {
		p.ack(seq.(uint64))
	}
}

func (p *tap) ack(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acked[seq] = true
	for p.next < len(p.first) && p.acked[p.first[p.next]] {
		p.upTo = p.first[p.next]
		p.next++
	}
}

// told is how far every row has been acknowledged.
func (p *tap) told() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.upTo
}
