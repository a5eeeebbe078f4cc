package announce

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
)

// The button confirms the question that is asked when it is pressed, and no other one.
func TestDeletionIsConfirmed(t *testing.T) {
	m := newMosquitto(t).start()
	helper, ch := client(t, m.url(), "hass")
	done(t, helper.Subscribe("homeassistant/device/+/config", 1, nil))
	done(t, helper.Publish("clipd/"+boxID+"/retention/set", 1, true, "first")) // of another day
	c := garage(t, m.url())
	var asked atomic.Value
	asked.Store("")
	tokens := make(chan string, 10)
	c.Asked = func() string { return asked.Load().(string) }
	c.Confirm = func(token string) error {
		tokens <- token
		if !asked.CompareAndSwap(token, "") {
			return errors.New("not asked")
		}
		return nil
	}
	a := hurry(New(c))
	start(t, a)
	schemas := newSchemas(t)
	pressing := func(token string) {
		t.Helper()
		g := next(t, ch, "/config")
		schemas.check(g)
		if !strings.Contains(g.payload, `"payload_press":"`+token+`"`) {
			t.Fatalf("the button does not say %s: %s", token, g.payload)
		}
	}
	press := func(token string) { done(t, helper.Publish("clipd/"+boxID+"/retention/set", 1, false, token)) }
	pressing("none")
	press("none") // nothing is asked: nobody is told
	asked.Store("first")
	a.Poke()
	pressing("first")
	asked.Store("second")
	a.Poke()
	pressing("second")
	press("first")
	if got := <-tokens; got != "first" || asked.Load() != "second" {
		t.Fatalf("confirmed %q, asked %q", got, asked.Load())
	}
	press("second")
	if got := <-tokens; got != "second" {
		t.Fatalf("confirmed %q", got)
	}
	pressing("none")
}
