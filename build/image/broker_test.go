package image

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"clipd/device/api"
)

// broker is a mosquitto of this machine. A board reaches this machine's loopback at 10.0.2.2 (qemu's user network).
type broker struct {
	t    *testing.T
	port string
}

func startBroker(t *testing.T) broker {
	t.Helper()
	b := broker{t, strconv.Itoa(freePort(t))}
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(conf, []byte("listener "+b.port+" 127.0.0.1\nallow_anonymous true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.start("mosquitto", "-c", conf)
	return b
}

// start runs a program until the test ends.
func (b broker) start(name string, args ...string) *bufio.Scanner {
	b.t.Helper()
	cmd := exec.Command(name, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return bufio.NewScanner(out)
}

// added yields the clips that the box announces.
func (b broker) added(box string) <-chan api.Event {
	b.t.Helper()
	in := b.start("mosquitto_sub", "-h", "127.0.0.1", "-p", b.port, "-q", "1", "-t", "clipd/"+box+"/event")
	events := make(chan api.Event, 1000)
	go func() {
		defer close(events)
		for in.Scan() {
			var e api.Event
			if json.Unmarshal(in.Bytes(), &e) == nil && e.EventType == "clip_added" {
				events <- e
			}
		}
	}()
	return events
}

func (b broker) next(events <-chan api.Event) api.Event {
	b.t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			b.t.Fatal("mosquitto_sub ended")
		}
		return e
	case <-time.After(patience):
		b.t.Fatal("no clip is announced")
	}
	return api.Event{}
}

// ask sends a request to the box and returns the url in its answer.
func (b broker) ask(box, verb, payload string) string {
	b.t.Helper()
	out := run(b.t, "mosquitto_rr", "-h", "127.0.0.1", "-p", b.port, "-q", "1", "-W", "120",
		"-t", "clipd/"+box+"/request/"+verb, "-e", "clipd/"+box+"/response/"+verb, "-m", payload)
	var answer struct {
		Status string
		Data   struct{ URL string }
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.Status != "ok" {
		b.t.Fatal(fmt.Errorf("request %s %s: %s (%v)", verb, payload, out, err))
	}
	return answer.Data.URL
}
