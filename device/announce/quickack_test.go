package announce

import (
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"clipd/device/api"
)

// TestRequestsAreNotHeldBack asks again and again as soon as it is answered: mosquitto, which leaves Nagle's algorithm on,
// must not wait for a delayed acknowledgement each time (40 ms).
func TestRequestsAreNotHeldBack(t *testing.T) {
	m := newMosquitto(t).start()
	c := config(catalogue(t), m.url())
	c.Ask = answering(func(Ask) api.Response { return api.Response{Status: "ok"} })
	quick := func(o *mqtt.ClientOptions) {
		o.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
			c, err := net.Dial("tcp", u.Host)
			if err != nil {
				return nil, err
			}
			return newConn(c, patience), nil
		})
	}
	asker, answers := client(t, m.url(), "asker", quick)
	done(t, asker.Subscribe("clipd/+/response/+", 1, nil))
	ready(t, m, hurry(New(c)))
	var took []time.Duration
	for range 41 {
		began := time.Now()
		asker.Publish("clipd/"+boxID+"/request/ping", 1, false, "{}")
		next(t, answers, "/response/ping")
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > 30*time.Millisecond {
		t.Errorf("median %v", median)
	}
	t.Logf("median %v", took[len(took)/2])
}
