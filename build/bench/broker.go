package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"clipd/device/api"
)

// broker is a mosquitto of our own with one subscriber to the events of all boxes. Both end with stop.
type broker struct {
	address string
	events  chan heard
	cmds    []*exec.Cmd
}

// heard is one event and when it arrived.
type heard struct {
	at time.Time
	api.Event
}

func startBroker(ctx context.Context, dir string) (*broker, error) {
	m := &broker{address: freeAddress(), events: make(chan heard, 1024)}
	host, port, _ := net.SplitHostPort(m.address)
	config := filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %s %s\nallow_anonymous true\npersistence false\n", port, host)
	if err := os.WriteFile(config, []byte(text), 0o666); err != nil {
		return nil, err
	}
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto" // not in everybody's PATH
	}
	m.cmds = append(m.cmds, exec.Command(program, "-c", config))
	if err := m.cmds[0].Start(); err != nil {
		return nil, err
	}
	err = wait(ctx, func() (bool, error) {
		c, err := net.Dial("tcp", m.address)
		if err != nil {
			return false, nil
		}
		return true, c.Close()
	})
	return m, errors.Join(err, m.subscribe(host, port))
}

// subscribe prints a line once it is subscribed, then one an event.
func (m *broker) subscribe(host, port string) error {
	sub := exec.Command("mosquitto_sub", "-h", host, "-p", port, "-q", "1", "-t", "clipd/+/event", "-t", "bench/hello")
	out, err := sub.StdoutPipe()
	if err != nil {
		return err
	}
	if err := sub.Start(); err != nil {
		return err
	}
	m.cmds = append(m.cmds, sub)
	lines := bufio.NewReader(out)
	hello := []string{"-h", host, "-p", port, "-r", "-t", "bench/hello", "-m", "hello"} // retained: whoever comes first
	if err := exec.Command("mosquitto_pub", hello...).Run(); err != nil {
		return err
	}
	if line, err := lines.ReadString('\n'); err != nil || strings.TrimSpace(line) != "hello" {
		return fmt.Errorf("subscribing: %q, %w", line, err)
	}
	go m.read(lines)
	return nil
}

func (m *broker) read(lines *bufio.Reader) {
	defer close(m.events)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		h := heard{at: time.Now()}
		if json.Unmarshal(line, &h.Event) == nil {
			m.events <- h
		}
	}
}

// next is the announcement of the clip at path.
func (m *broker) next(ctx context.Context, path string) (heard, error) {
	late := time.After(time.Minute)
	for {
		select {
		case h, ok := <-m.events:
			if !ok {
				return h, errors.New("the subscriber ended")
			}
			if h.Clip != nil && h.EventType == "clip_added" && h.Path == filepath.ToSlash(path) {
				return h, nil
			}
		case <-late:
			return heard{}, fmt.Errorf("%s was not announced within a minute", path)
		case <-ctx.Done():
			return heard{}, ctx.Err()
		}
	}
}

func (m *broker) stop() {
	for _, cmd := range m.cmds {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}
