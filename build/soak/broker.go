package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// broker is a real mosquitto that can be killed and started again.
type broker struct {
	address, config string
	cmd             *exec.Cmd
}

// startBroker starts one with its files in dir. The caller stops it.
func startBroker(dir string) (*broker, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	b := &broker{address: address, config: filepath.Join(dir, "mosquitto.conf")}
	text := fmt.Sprintf("listener %s %s\nallow_anonymous true\nmax_queued_messages 0\npersistence true\npersistence_location %s/\nautosave_on_changes true\nautosave_interval 1\nuser root\n", port, host, dir)
	if err := os.WriteFile(b.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return b, b.start()
}

func (b *broker) url() string { return "tcp://" + b.address }

func (b *broker) start() error {
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto" // not in everybody's PATH
	}
	b.cmd = exec.Command(program, "-c", b.config)
	if err := b.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return until(ctx, func() (bool, error) {
		c, err := net.DialTimeout("tcp", b.address, time.Second)
		if err != nil {
			return false, nil
		}
		return true, c.Close()
	})
}

func (b *broker) stop() {
	if b.cmd != nil {
		_ = b.cmd.Process.Kill()
		_ = b.cmd.Wait()
		b.cmd = nil
	}
}

// follow notes each clip_added in m, with a subscription that survives the broker; stop ends it.
func (b *broker) follow(m *model) (stop func(), err error) {
	host, port, err := net.SplitHostPort(b.address)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("stdbuf", "-oL", "mosquitto_sub", "-d", "-h", host, "-p", port, "-q", "1", "-c", "-i", "soak", "-t", "clipd/+/event")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Subscribed") {
	}
	go func() {
		for lines.Scan() {
			noteAnnounced(m, lines.Text())
		}
	}()
	return func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }, nil
}

// noteAnnounced takes one line of mosquitto_sub, which also says what packets it gets.
func noteAnnounced(m *model, line string) {
	var e journalRow
	if json.Unmarshal([]byte(line), &e) == nil && e.EventType == "clip_added" {
		m.note(fact{kind: announced, id: e.ID, path: e.Path, seq: e.Seq})
	}
}
