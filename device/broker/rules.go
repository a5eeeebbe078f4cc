package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"strings"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// rules decide who may connect and how much a client may make the broker keep. mochi calls them from the goroutines of
// its clients.
type rules struct {
	mqtt.HookBase
	server             *mqtt.Server
	username, password string
	maxSessions        int
	log                *slog.Logger

	mu       sync.Mutex
	retained map[string]int // bytes by topic
	bytes    int            // of them all
	told     time.Time      // when a refused client was last logged
}

func newRules(c Config, s *mqtt.Server) *rules {
	return &rules{
		server: s, username: c.Username, password: c.Password, maxSessions: sessionsPer * c.MaxClients,
		log: c.Log, retained: map[string]int{},
	}
}

// ID names the rules to mochi.
func (r *rules) ID() string { return "rules" }

// Provides says which calls mochi is to make.
func (r *rules) Provides(call byte) bool {
	switch call {
	case mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnSubscribe, mqtt.OnPublish, mqtt.OnWill, mqtt.OnClientExpired:
		return true
	}
	return false
}

// OnConnect refuses a client whose session would be one too many, and takes from it what could grow without bound.
func (r *rules) OnConnect(cl *mqtt.Client, _ packets.Packet) error {
	if _, known := r.server.Clients.Get(cl.ID); !known && r.server.Clients.Len() >= r.maxSessions {
		return packets.ErrServerBusy
	}
	cl.Properties.Will.WillDelayInterval = 0
	cl.Properties.Props.TopicAliasMaximum = 0
	cl.State.TopicAliases.Outbound = mqtt.NewOutboundTopicAliases(0)
	return nil
}

// OnConnectAuthenticate compares in constant time. A refusal is logged at most once a minute.
func (r *rules) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	if r.password == "" {
		return true
	}
	ok := same(pk.Connect.Password, []byte(r.password))
	ok = (r.username == "" || same(pk.Connect.Username, []byte(r.username))) && ok
	if ok {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.told) > time.Minute {
		r.told = time.Now()
		r.log.Warn("embedded broker refused a user name or password", "client", cl.ID, "remote", cl.Net.Remote)
	}
	return false
}

func same(a, b []byte) bool {
	x, y := sha256.Sum256(a), sha256.Sum256(b)
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// OnACLCheck hides $SYS: its figures are made once and never again.
func (r *rules) OnACLCheck(_ *mqtt.Client, topic string, write bool) bool {
	return write || !strings.HasPrefix(topic, "$SYS")
}

// OnSubscribe spoils the filters that are too long or one too many; mochi then refuses them in the SUBACK.
func (r *rules) OnSubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	n := cl.State.Subscriptions.Len()
	for i := range pk.Filters {
		if n++; n > maxSubscriptions || len(pk.Filters[i].Filter) > maxTopic {
			pk.Filters[i].Filter = ""
		}
	}
	return pk
}

// OnPublish delivers a message that there is no room to retain as an ordinary one.
func (r *rules) OnPublish(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Retain {
		pk.FixedHeader.Retain = r.retain(pk.TopicName, len(pk.Payload))
	}
	return pk, nil
}

// OnWill does the same for a will.
func (r *rules) OnWill(_ *mqtt.Client, w mqtt.Will) (mqtt.Will, error) {
	if w.Retain {
		w.Retain = r.retain(w.TopicName, len(w.Payload))
	}
	return w, nil
}

// OnClientExpired ends the subscriptions of a session that mochi forgets; it would go on matching them.
func (r *rules) OnClientExpired(cl *mqtt.Client) {
	r.server.UnsubscribeClient(cl)
	cl.ClearInflights()
}

// retain counts a retained message in; false if there is no room for it. An empty one removes what is there.
func (r *rules) retain(topic string, size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, known := r.retained[topic]
	if size == 0 {
		delete(r.retained, topic)
		r.bytes -= old
		return true
	}
	if len(topic) > maxTopic || !known && len(r.retained) >= maxRetained || r.bytes-old+size > maxRetainedBytes {
		return false
	}
	r.retained[topic] = size
	r.bytes += size - old
	return true
}
