package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// box is one clipd that is started, asked and killed. One goroutine starts and ends it; all may ask it.
type box struct {
	program, dir, address, broker string
	env                           []string // nil: ours

	cmd   *exec.Cmd
	log   *said
	ended chan struct{}
	token string
}

// said is what the program has said, and wakes whoever waits for it to say more.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.more)
	s.more = make(chan struct{})
	return s.text.Write(p)
}

func (s *said) now() (text string, more <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String(), s.more
}

var errEnded = errors.New("clipd ended")

// launch starts the program, behind the words of wrap if there are any, and does not wait.
func (x *box) launch(wrap ...string) error {
	args := append(wrap, x.program, "-dir", x.dir, "-listen", x.address, "-broker", x.broker)
	x.cmd = exec.Command(args[0], args[1:]...)
	x.log = &said{more: make(chan struct{})}
	x.cmd.Stderr, x.cmd.Env = x.log, x.env
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // whatever traces it dies with it
	if err := x.cmd.Start(); err != nil {
		return err
	}
	cmd, ended := x.cmd, make(chan struct{})
	x.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }() // how it ended is in its log
	return nil
}

// ready waits until the box says so. errEnded.
func (x *box) ready(limit time.Duration) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		text, more := x.log.now()
		if strings.Contains(text, "msg=ready ") {
			break
		}
		select {
		case <-more:
		case <-x.ended:
			return fmt.Errorf("%w before it was ready:\n%s", errEnded, text)
		case <-deadline.C:
			return fmt.Errorf("not ready after %v:\n%s", limit, text)
		}
	}
	token, err := os.ReadFile(filepath.Join(x.dir, "state", "admin-token"))
	x.token = strings.TrimSpace(string(token))
	return err
}

// endsIn reports whether the program ends by itself within d; a client may see that before its parent does.
func (x *box) endsIn(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-x.ended:
		return true
	case <-t.C:
		return false
	}
}

// kill is SIGKILL, to whatever traces it too, and waits.
func (x *box) kill() {
	if x.cmd == nil {
		return
	}
	_ = syscall.Kill(-x.cmd.Process.Pid, syscall.SIGKILL) // it may have ended by itself
	<-x.ended
	x.cmd = nil
}

// freeze is SIGSTOP: what the box has not done by now it does not do until it is killed.
func (x *box) freeze() {
	_ = syscall.Kill(-x.cmd.Process.Pid, syscall.SIGSTOP) // it may have ended by itself
}

// stop is SIGTERM. It returns an error unless the program ends in order.
func (x *box) stop() error {
	if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-x.ended
	text, _ := x.log.now()
	state := x.cmd.ProcessState
	x.cmd = nil
	if !state.Success() {
		return fmt.Errorf("clipd's stop: %s\n%s", state, text)
	}
	return nil
}

// ask sends one request as admin and decodes a JSON answer into v, if v is not nil.
func (x *box) ask(ctx context.Context, method, path, body string, v any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+x.address+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+x.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if v == nil || res.StatusCode >= 300 {
		_, err = io.Copy(io.Discard, res.Body)
		return res.StatusCode, err
	}
	return res.StatusCode, json.NewDecoder(res.Body).Decode(v)
}

// must is ask, where any other answer than 2xx is an error.
func (x *box) must(ctx context.Context, path string, v any) error {
	status, err := x.ask(ctx, http.MethodGet, path, "", v)
	if err == nil && status >= 300 {
		err = fmt.Errorf("GET %s answers %d", path, status)
	}
	return err
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
