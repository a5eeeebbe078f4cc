package announce

import (
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// sent is a QoS 1 message that was published in this session and waits for its PUBACK.
type sent struct {
	token  mqtt.Token
	passes uint64 // where its PUBACK moves the cursor; 0: nowhere
	at     time.Time
}

// unacked are the messages under way, oldest first. The cursor must not overtake a message, so only the oldest is waited for.
type unacked []sent

func (u unacked) full() bool { return len(u) >= window }

// head is closed when the oldest is acknowledged or has failed; nil if there is none.
func (u unacked) head() <-chan struct{} {
	if len(u) == 0 {
		return nil
	}
	return u[0].token.Done()
}

// take removes the oldest, if its outcome is known.
func (u *unacked) take() (s sent, ok bool) {
	if len(*u) == 0 {
		return sent{}, false
	}
	select {
	case <-(*u)[0].token.Done():
		s = (*u)[0]
		*u = append((*u)[:0], (*u)[1:]...)
		return s, true
	default:
		return sent{}, false
	}
}
