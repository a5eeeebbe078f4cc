package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// client is one connection to a server. It costs little beside what it measures: bodies are dropped in the kernel
// (MSG_TRUNC, tcp(7)), never copied here.
type client struct {
	c    *net.TCPConn
	raw  syscall.RawConn
	ask  string // a request up to its last header
	head []byte

	length int64 // of the last answer's body
}

// dropped is never written to: the kernel only reads its length.
var dropped = make([]byte, 1<<20)

// dial connects to s. window, if not 0, bounds what the client's kernel takes before it is read, in bytes.
func dial(ctx context.Context, s *server, window int) (*client, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if window > 0 {
		d.Control = func(_, _ string, raw syscall.RawConn) (err error) {
			return errors.Join(raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, window)
			}), err)
		}
	}
	c, err := d.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	tcp := c.(*net.TCPConn)
	raw, err := tcp.SyscallConn()
	if err != nil {
		tcp.Close()
		return nil, err
	}
	ask := "GET " + s.request + " HTTP/1.1\r\nHost: " + s.address + "\r\n" + s.header
	return &client{c: tcp, raw: raw, ask: ask, head: make([]byte, 0, 4096)}, nil
}

func (c *client) close() { c.c.Close() }

// send asks for the bytes from first to last, for all if last is 0.
func (c *client) send(first, last int64) error {
	ask := c.ask
	if last > 0 {
		ask += fmt.Sprintf("Range: bytes=%d-%d\r\n", first, last)
	}
	_, err := io.WriteString(c.c, ask+"\r\n")
	return err
}

// header reads the header of an answer and returns how many bytes of its body are still to come.
func (c *client) header() (rest int64, err error) {
	c.head = c.head[:0]
	for {
		n, err := c.c.Read(c.head[len(c.head):cap(c.head)])
		if err != nil {
			return 0, fmt.Errorf("read the header of an answer: %w", err)
		}
		c.head = c.head[:len(c.head)+n]
		if end := bytes.Index(c.head, []byte("\r\n\r\n")); end >= 0 {
			c.length, err = bodyLength(string(c.head[:end]))
			return c.length - int64(len(c.head)-end-4), err
		}
		if len(c.head) == cap(c.head) {
			return 0, errors.New("the header of an answer does not end")
		}
	}
}

// bodyLength is the Content-Length of a good answer.
func bodyLength(header string) (int64, error) {
	status, fields, _ := strings.Cut(header, "\r\n")
	if !strings.HasPrefix(status, "HTTP/1.1 20") {
		return 0, fmt.Errorf("the server answers %q", status)
	}
	for line := range strings.SplitSeq(fields, "\r\n") {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, errors.New("the server tells no Content-Length")
}

// drop takes n bytes, at most rate a second unless that is 0, and ends early, without an error, when ctx is done.
func (c *client) drop(ctx context.Context, n int64, rate float64) (got int64, err error) {
	piece, began := int64(len(dropped)), time.Now()
	if rate > 0 {
		piece = max(int64(rate/10), 4096)
	}
	for got < n && ctx.Err() == nil {
		k, err := c.receive(int(min(piece, n-got)))
		if err != nil {
			return got, err
		}
		got += int64(k)
		if rate == 0 {
			continue
		}
		due := began.Add(time.Duration(float64(got) / rate * float64(time.Second)))
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(due)):
		}
	}
	return got, nil
}

// receive drops up to n bytes, at least one.
func (c *client) receive(n int) (k int, err error) {
	waited := c.raw.Read(func(fd uintptr) bool {
		k, _, err = unix.Recvfrom(int(fd), dropped[:n], unix.MSG_TRUNC|unix.MSG_DONTWAIT)
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	if err == nil && k == 0 {
		err = io.ErrUnexpectedEOF
	}
	return k, errors.Join(err, waited)
}

// fetch asks for a range, or all, and drops it. It returns the time to the first byte. A server that answers with something
// of another length would be measured at another load: that is an error.
func (c *client) fetch(ctx context.Context, first, last int64, rate float64) (firstByte time.Duration, got int64, err error) {
	began := time.Now()
	if err := c.send(first, last); err != nil {
		return 0, 0, err
	}
	rest, err := c.header()
	firstByte = time.Since(began)
	if err == nil && last > 0 && c.length != last-first+1 {
		err = fmt.Errorf("the server answers bytes %d-%d with %d bytes", first, last, c.length)
	}
	if err != nil {
		return firstByte, 0, err
	}
	got, err = c.drop(ctx, rest, rate)
	return firstByte, got, err
}
