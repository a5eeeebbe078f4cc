package announce

import (
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// wire is one session as a scripted broker sees it.
type wire struct {
	net.Conn
	t *testing.T
	*ledger
}

// read returns the next packet, nil when the box has hung up; CONNECT and SUBSCRIBE are granted at once.
func (w *wire) read() packets.ControlPacket {
	for {
		p, err := packets.ReadPacket(w)
		if err != nil {
			return nil
		}
		switch m := p.(type) {
		case *packets.ConnectPacket:
			w.write(packets.NewControlPacket(packets.Connack))
		case *packets.SubscribePacket:
			ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			ack.MessageID, ack.ReturnCodes = m.MessageID, []byte{1}
			w.write(ack)
		case *packets.PublishPacket:
			if seq := rowOf(w.t, m); seq > 0 {
				w.publish(seq)
			}
			return p
		default:
			return p
		}
	}
}

func (w *wire) write(p packets.ControlPacket) {
	_ = p.Write(w) // the box may be gone
}

// puback acknowledges p, and notes it first.
func (w *wire) puback(p packets.ControlPacket) {
	m, ok := p.(*packets.PublishPacket)
	if !ok || m.Qos == 0 {
		return
	}
	if seq := rowOf(w.t, m); seq > 0 {
		w.ack(seq)
	}
	w.answer(packets.Puback, m.MessageID)
}

func (w *wire) answer(kind byte, id uint16) {
	_, _ = w.Write([]byte{kind << 4, 2, byte(id >> 8), byte(id)})
}

// behave is what a broker should do until the box hangs up.
func (w *wire) behave() {
	for p := w.read(); p != nil; p = w.read() {
		w.puback(p)
	}
}

// untilRow behaves until a journal row is published, and returns it; nil when the box hangs up.
func (w *wire) untilRow() packets.ControlPacket {
	for p := w.read(); p != nil; p = w.read() {
		if rowOf(w.t, p) > 0 {
			return p
		}
		w.puback(p)
	}
	return nil
}

// hangUp waits until the box has closed the connection.
func (w *wire) hangUp() {
	for w.read() != nil {
	}
}

// fake is a broker that follows a script in its first sessions and behaves in the others.
func fake(t *testing.T, bad int, script func(*wire)) (url string, book *ledger, sessions *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	book, sessions = newLedger(), new(atomic.Int32)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := int(sessions.Add(1))
			wg.Go(func() {
				defer c.Close()
				w := &wire{c, t, book}
				if n <= bad {
					script(w)
				} else {
					w.behave()
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return "tcp://" + l.Addr().String(), book, sessions
}

// otherAck answers rows with a packet that is no PUBACK of them but bears their id.
func otherAck(kind byte) func(*wire) {
	return func(w *wire) {
		for p := w.untilRow(); p != nil; p = w.untilRow() {
			w.answer(kind, p.Details().MessageID)
		}
	}
}

var faults = map[string]func(*wire){
	"dies at once":        func(*wire) {},
	"never sends CONNACK": func(w *wire) { _, _ = packets.ReadPacket(w); w.hangUp() },
	"dies before PUBLISH": func(w *wire) { w.read() },
	"dies after PUBLISH":  func(w *wire) { w.untilRow() },
	"dies after some PUBACKs": func(w *wire) {
		for range 3 {
			w.puback(w.untilRow())
		}
		w.untilRow()
	},
	"swallows PUBACKs of rows": func(w *wire) {
		for w.untilRow() != nil {
		}
	},
	"swallows every PUBACK": (*wire).hangUp,
	"stops reading": func(w *wire) {
		w.untilRow()
		waitClosed(w.Conn)
	},
	"acknowledges the second before the first": func(w *wire) {
		first := w.untilRow()
		w.puback(w.untilRow())
		_ = first
	},
	"acknowledges ids that were never used": func(w *wire) {
		for p := w.untilRow(); p != nil; p = w.untilRow() {
			w.answer(packets.Puback, p.Details().MessageID+1000)
		}
	},
	"acknowledges with UNSUBACK": otherAck(packets.Unsuback),
	"acknowledges with PUBCOMP":  otherAck(packets.Pubcomp),
	"acknowledges with PUBREC":   otherAck(packets.Pubrec),
	"acknowledges with SUBACK": func(w *wire) {
		for p := w.untilRow(); p != nil; p = w.untilRow() {
			id := p.Details().MessageID
			_, _ = w.Write([]byte{packets.Suback << 4, 3, byte(id >> 8), byte(id), 0})
		}
	},
	"claims a packet of 256 MiB": func(w *wire) {
		w.untilRow()
		_, _ = w.Write([]byte{packets.Publish << 4, 0xff, 0xff, 0xff, 0x7f})
		w.hangUp()
	},
	"claims a CONNACK of 256 MiB": func(w *wire) {
		_, _ = w.Write([]byte{packets.Connack << 4, 0xff, 0xff, 0xff, 0x7f})
		w.hangUp()
	},
	"accepts with a return code nobody knows": func(w *wire) {
		_, _ = w.Write([]byte{packets.Connack << 4, 2, 0, 0x77})
		w.hangUp()
	},
	"speaks HTTP": func(w *wire) {
		_, _ = w.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		w.hangUp()
	},
}

// waitClosed blocks until the other side is gone, without reading from it: writing fails then.
func waitClosed(c net.Conn) {
	for {
		if _, err := c.Write([]byte{packets.Pingresp << 4, 0}); err != nil {
			return
		}
	}
}

// TestFaultsOfTheBroker: whatever the broker does, every row is told in the end, in order, the cursor never passes a row
// that has no PUBACK, and no goroutine stays behind (TestMain looks for them).
func TestFaultsOfTheBroker(t *testing.T) {
	for name, script := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := catalogue(t)
			url, book, sessions := fake(t, 2, script)
			last := add(t, s, "front", 0, 40)
			a := hurry(New(config(s, url)))
			start(t, a)
			eventually(t, s, "the cursor at the end of the journal", func() bool {
				return !ahead(t, s, book) && cursorOf(t, s) == last
			})
			book.mu.Lock()
			defer book.mu.Unlock()
			if len(book.acked) != 40 || !slices.IsSorted(book.first) {
				t.Errorf("%d of 40 rows acknowledged, in order: %v", len(book.acked), slices.IsSorted(book.first))
			}
			if n := sessions.Load(); n < 3 {
				t.Errorf("%d sessions: the script has not been followed twice", n)
			}
		})
	}
}

func TestRefusedCredentialsAreAProblemUntilTheyAreAccepted(t *testing.T) {
	for _, code := range []byte{packets.ErrRefusedBadUsernameOrPassword, packets.ErrRefusedNotAuthorised} {
		s := catalogue(t)
		url, _, _ := fake(t, 2, func(w *wire) {
			ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
			ack.ReturnCode = code
			w.write(ack)
			w.hangUp()
		})
		told := &problems{news: make(chan string, 4)}
		c := config(s, url)
		c.Problem = told.tell
		stop := start(t, hurry(New(c)))
		if p := <-told.news; !strings.Contains(p, "user name or password") {
			t.Errorf("return code %d: told %q", code, p)
		}
		if p := <-told.news; p != "" {
			t.Errorf("return code %d: told %q after the broker accepted", code, p)
		}
		stop()
	}
}

// TestStopWhileTheBrokerIsSilent: a stop is bounded although offline is never acknowledged.
func TestStopWhileTheBrokerIsSilent(t *testing.T) {
	s := catalogue(t)
	reached := make(chan struct{}, 10)
	url, _, _ := fake(t, 1000, func(w *wire) {
		w.untilRow()
		reached <- struct{}{}
		w.hangUp()
	})
	add(t, s, "front", 0, 1)
	a := hurry(New(config(s, url)))
	a.limits.ack = patience
	stop := start(t, a)
	<-reached
	stop()
	if seq := cursorOf(t, s); seq != 0 {
		t.Errorf("cursor %d, but nothing was acknowledged", seq)
	}
}
