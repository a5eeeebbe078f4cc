package announce

import (
	"errors"
	"runtime"
	"testing"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// TestNothingIsSentAfterAConnectionWasLost: the answer to the call that was under way comes late, and must not be taken for
// that of the next: its PUBACK would move the cursor past a message that nobody has.
func TestNothingIsSentAfterAConnectionWasLost(t *testing.T) {
	gone := errors.New("connection lost")
	s := &session{conn: &conn{ended: make(chan struct{}), cause: gone}, caller: newCaller()}
	go s.caller.work(t.Context())
	called, late := make(chan struct{}), make(chan struct{})
	answered := make(chan mqtt.Token, 1)
	go func() {
		answered <- s.send(func() mqtt.Token { close(called); <-late; return &mqtt.DummyToken{} })
	}()
	<-called
	close(s.conn.ended)
	if token := <-answered; token != nil || !errors.Is(s.fault, gone) {
		t.Errorf("a call that the end of the connection interrupted: %v, %v", token, s.fault)
	}
	close(late)
	for len(s.caller.tokens) == 0 { // until the late answer is there
		runtime.Gosched()
	}
	for range 1000 { // what two channels that are both ready decide is chance
		if token := s.send(func() mqtt.Token { return &mqtt.DummyToken{} }); token != nil {
			t.Fatal("a message was sent after one that was not")
		}
		runtime.Gosched()
	}
}
