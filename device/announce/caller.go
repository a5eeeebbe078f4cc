package announce

import (
	"context"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// caller calls paho from a goroutine of its own: its Publish and Subscribe can block for the whole write timeout on a
// connection that is gone, which would keep the next session waiting.
type caller struct {
	calls  chan func() mqtt.Token
	tokens chan mqtt.Token
}

func newCaller() caller {
	return caller{calls: make(chan func() mqtt.Token), tokens: make(chan mqtt.Token, 1)}
}

// work ends with life, or when the call that paho holds then returns.
func (c caller) work(life context.Context) {
	for {
		select {
		case f := <-c.calls:
			c.tokens <- f()
		case <-life.Done():
			return
		}
	}
}

// call returns f's token, or nil when ended was closed before: c must not be used again then.
func (c caller) call(ended <-chan struct{}, f func() mqtt.Token) mqtt.Token {
	select {
	case c.calls <- f:
	case <-ended:
		return nil
	}
	select {
	case t := <-c.tokens:
		return t
	case <-ended:
		return nil
	}
}
