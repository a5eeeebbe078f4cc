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

// ledger notes which journal rows were published and which were acknowledged.
type ledger struct {
	mu    sync.Mutex
	first []uint64        // seqs in the order in which they were published for the first time
	seen  map[uint64]int  // how often
	acked map[uint64]bool // with a PUBACK
	upTo  uint64          // every row published up to here is acknowledged
	next  int             // index in first of the oldest that is not
}

func newLedger() *ledger { return &ledger{seen: map[uint64]int{}, acked: map[uint64]bool{}} }

func (l *ledger) publish(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[seq]++; l.seen[seq] == 1 {
		l.first = append(l.first, seq)
	}
}

func (l *ledger) ack(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[seq] = true
	for l.next < len(l.first) && l.acked[l.first[l.next]] {
		l.upTo = l.first[l.next]
		l.next++
	}
}

// told is how far every row has been acknowledged.
func (l *ledger) told() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.upTo
}

// rowOf is the seq of the journal row that c announces, or 0.
func rowOf(t *testing.T, c packets.ControlPacket) uint64 {
	m, ok := c.(*packets.PublishPacket)
	if !ok || m.TopicName != newTopics("clipd", boxID).event() {
		return 0
	}
	var e api.Event
	if err := json.Unmarshal(m.Payload, &e); err != nil {
		t.Errorf("event %q: %v", m.Payload, err)
	}
	return e.Seq
}

// tap stands between a box and its broker and notes what passes before either side learns of it.
type tap struct {
	*ledger
	t      *testing.T
	l      net.Listener
	broker string
	wg     sync.WaitGroup

	connsMu sync.Mutex
	conns   map[net.Conn]bool
}

func newTap(t *testing.T, broker string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{ledger: newLedger(), t: t, l: l, broker: broker, conns: map[net.Conn]bool{}}
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
	p.connsMu.Lock()
	defer p.connsMu.Unlock()
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
		p.connsMu.Lock()
		p.conns[box], p.conns[broker] = true, true
		p.connsMu.Unlock()
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
	if seq := rowOf(p.t, c); seq > 0 {
		ids.Store(c.Details().MessageID, seq)
		p.publish(seq)
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
