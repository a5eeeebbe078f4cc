package main

import (
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
	"syscall"
	"time"

	"clipd/device/api"
)

// box is a running clipd.
type box struct {
	dir, url string
	pid      int
	ready    time.Duration // from start to READY=1
	cmd      *exec.Cmd
	token    string
}

// status is what the figures need of /api/v1/status.
type status struct {
	api.State
	Broker struct {
		Connected bool   `json:"connected"`
		Waiting   uint64 `json:"waiting"`
	} `json:"broker"`
}

// startBox runs clipd on dir and waits until it is ready. config is added to an otherwise empty file. Its log goes to
// dir/clipd.log. The caller stops it.
func (b *bench) startBox(ctx context.Context, dir, broker, config string) (*box, error) {
	if err := os.MkdirAll(filepath.Join(dir, "recordings"), 0o777); err != nil {
		return nil, err
	}
	file, address := filepath.Join(dir, "clipd.toml"), freeAddress()
	if err := os.WriteFile(file, []byte(config), 0o666); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "clipd.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	x := &box{dir: dir, url: "http://" + address}
	x.cmd = exec.Command(filepath.Join(b.bin, "clipd"), "-config", file, "-dir", dir, "-listen", address, "-broker", broker)
	x.cmd.Stdout, x.cmd.Stderr = log, log
	if err := x.start(ctx); err != nil {
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("starting clipd: %w\n%s", err, said)
	}
	token, err := os.ReadFile(filepath.Join(dir, "state", "admin-token"))
	x.token = strings.TrimSpace(string(token))
	return x, err
}

// start plays systemd's part of sd_notify(3).
func (x *box) start(ctx context.Context) error {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("clipd-bench-%d", os.Getpid()))
	defer os.Remove(name)
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer l.Close()
	x.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+name)
	began := time.Now()
	if err := x.cmd.Start(); err != nil {
		return err
	}
	x.pid = x.cmd.Process.Pid
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	if err := l.SetReadDeadline(began.Add(time.Minute)); err != nil {
		return err
	}
	for buf := make([]byte, 4096); ; {
		n, err := l.Read(buf)
		if err != nil {
			return errors.Join(fmt.Errorf("waiting for READY=1: %w", err), x.stop())
		}
		if strings.Contains(string(buf[:n]), "READY=1") {
			x.ready = time.Since(began)
			return nil
		}
	}
}

// stop ends it as systemd does and waits.
func (x *box) stop() error {
	if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return x.cmd.Wait()
}

// get asks the box; v, if not nil, takes the JSON. It returns the status code.
func (x *box) get(ctx context.Context, path string, v any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, x.url+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+x.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if v != nil && resp.StatusCode == http.StatusOK {
		return resp.StatusCode, json.NewDecoder(resp.Body).Decode(v)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// settled waits until n clips are listed, no scan goes on and everything is announced.
func (x *box) settled(ctx context.Context, n int) error {
	return wait(ctx, func() (bool, error) {
		var s status
		code, err := x.get(ctx, "/api/v1/status", &s)
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("status answers %d", code)
		}
		return s.Clips >= n && !s.Scanning && s.Broker.Waiting == 0, err
	})
}

// quiet waits until the box has written nothing for a second.
func (x *box) quiet(ctx context.Context) error {
	last, since := int64(-1), time.Now()
	return wait(ctx, func() (bool, error) {
		n, err := written(x.pid)
		if n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > time.Second, err
	})
}

// wait asks done every few milliseconds, for ten minutes at most.
func wait(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// freeAddress is a port of the loopback interface that nobody uses now.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:18470"
	}
	defer l.Close()
	return l.Addr().String()
}
