package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"clipd/device/api"
)

// messageToAnswer is the time from a message that asks for a link, or for a push, to the answer at a subscriber of a
// broker on this machine, each with a transaction of its own, one after the other.
func messageToAnswer(ctx context.Context, b *bench) (_ []table, err error) {
	dir := filepath.Join(b.dir, "requests")
	m, err := b.broker(ctx)
	if err != nil {
		return nil, err
	}
	defer m.stop()
	target := "[target.nas]\nurl = \"http://127.0.0.1:1/{name}\"\nwhen = \"request\"\n" // nobody is there: pushes stay queued
	x, err := b.startBox(ctx, dir, "tcp://"+m.address, target)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	n := b.pick(500, 100)
	ids, err := b.record(ctx, m, filepath.Join(dir, "recordings"), n)
	if err != nil {
		return nil, err
	}
	t := table{Title: fmt.Sprintf("From message to answer, %d of each", n)}
	for _, verb := range []string{"link", "push"} {
		took, err := m.ask(ctx, x, verb, ids)
		if err != nil {
			return nil, err
		}
		t.add(verb+", median / p99", ms(took.quantile(0.5))+" / "+ms(took.quantile(0.99)), "15 ms")
	}
	return []table{t}, nil
}

// record makes n small clips and returns their ids.
func (b *bench) record(ctx context.Context, m *broker, root string, n int) (ids []string, err error) {
	body := b.sample.padded(100_000)
	for i := range n {
		path := fmt.Sprintf("front/%04d.mp4", i)
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o777); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(root, path), body, 0o666); err != nil {
			return nil, err
		}
		h, err := m.next(ctx, path)
		if err != nil {
			return nil, err
		}
		ids = append(ids, h.ID)
	}
	return ids, nil
}

// ask asks x about each id and waits for each answer.
func (m *broker) ask(ctx context.Context, x *box, verb string, ids []string) (took times, err error) {
	var status struct{ Box string }
	if _, err := x.get(ctx, "/api/v1/status", &status); err != nil {
		return nil, err
	}
	send, answers, end, err := m.talk("clipd/"+status.Box, verb)
	if err != nil {
		return nil, err
	}
	defer end()
	for i, id := range ids {
		began := time.Now()
		if _, err := fmt.Fprintf(send, `{"transaction":"%s-%d","id":"%s"}`+"\n", verb, i, id); err != nil {
			return nil, err
		}
		line, err := answers.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if i > 0 { // the first one sets up the sender's connection
			took = append(took, time.Since(began))
		}
		var r api.Response
		if err := json.Unmarshal(line, &r); err != nil || r.Status != "ok" {
			return nil, fmt.Errorf("%s was answered %s", verb, line)
		}
	}
	return took, nil
}

// talk keeps a sender and a subscriber connected; end ends them.
func (m *broker) talk(base, verb string) (send io.Writer, answers *bufio.Reader, end func(), err error) {
	host, port, _ := net.SplitHostPort(m.address)
	to := []string{"-h", host, "-p", port, "-q", "1"}
	hear := exec.Command("mosquitto_sub", append(to, "-t", base+"/response/"+verb, "-t", "bench/hello")...)
	out, err := hear.StdoutPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	say := exec.Command("mosquitto_pub", append(to, "-l", "-t", base+"/request/"+verb)...)
	in, err := say.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	end = func() {
		for _, cmd := range []*exec.Cmd{hear, say} {
			if cmd.Process != nil {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}
		}
	}
	if err := errors.Join(hear.Start(), say.Start()); err != nil {
		end()
		return nil, nil, nil, err
	}
	answers = bufio.NewReader(out)
	if _, err := answers.ReadString('\n'); err != nil { // what is retained at bench/hello: it is subscribed
		end()
		return nil, nil, nil, err
	}
	return in, answers, end, nil
}
