package announce

import (
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// sent is a QoS 1 message that was published in this session and waits for its PUBACK.
type sent struct {
	token mqtt.Token
	acked func() // called at its PUBACK; nil for nothing
	at    time.Time
}

// unacked are the messages under way, oldest first. The cursor must not overtake a message, so only the oldest is waited for.
type unacked []sent

func (u unacked) full() bool { return len(u) >= window }

// crowded leaves half of the window to announcements: whoever asks much delays none of them.
func (u unacked) crowded() bool { return len(u) >= window/2 }

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
