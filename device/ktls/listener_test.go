package ktls

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// listening starts a Listener whose Accepts arrive in the channel.
func listening(t *testing.T, cfg Config) (addr string, accepted chan net.Conn, l *Listener) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.TLS = serverConfig(t)
	l = NewListener(ln, cfg)
	t.Cleanup(func() { l.Close() })
	accepted = make(chan net.Conn, 100)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	return ln.Addr().String(), accepted, l
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// A client that says nothing holds up nobody.
func TestSilentClientsDoNotHoldUpOthers(t *testing.T) {
	addr, accepted, _ := listening(t, Config{Handshakes: 20})
	for range 19 {
		dial(t, addr)
	}
	c := tls.Client(dial(t, addr), &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-accepted:
		got.Close()
	case <-time.After(patience):
		t.Fatal("Accept waits for those that are silent")
	}
}

// A handshake that does not end is ended, and makes room for others.
func TestHandshakesHaveADeadline(t *testing.T) {
	failed := make(chan error, 1)
	addr, _, _ := listening(t, Config{Handshakes: 1, Timeout: 50 * time.Millisecond, Failed: func(_ net.Conn, err error) { failed <- err }})
	silent := dial(t, addr)
	if _, err := silent.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a silent client sees %v", err)
	}
	select {
	case err := <-failed:
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("Failed was told %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Failed was not told")
	}
}

func TestFailedMayAnswer(t *testing.T) {
	addr, _, _ := listening(t, Config{Failed: func(raw net.Conn, err error) {
		var wrong tls.RecordHeaderError
		if errors.As(err, &wrong) && bytes.Equal(wrong.RecordHeader[:], []byte("GET /")) {
			io.WriteString(raw, "this is HTTPS")
		}
	}})
	c := dial(t, addr)
	io.WriteString(c, "GET /")
	if got, err := io.ReadAll(c); string(got) != "this is HTTPS" {
		t.Errorf("answered %q, %v", got, err)
	}
}

// Close ends handshakes under way and leaves nothing behind.
func TestCloseEndsHandshakes(t *testing.T) {
	addr, accepted, l := listening(t, Config{Handshakes: 2})
	silent := []net.Conn{dial(t, addr), dial(t, addr), dial(t, addr)}
	for range 3 {
		dial(t, addr)
	}
	if err := l.Close(); err != nil { // waits for the handshakes
		t.Error(err)
	}
	if _, ok := <-accepted; ok {
		t.Error("Accept returned a connection nobody shook hands on")
	}
	if _, err := silent[0].Read(make([]byte, 1)); err == nil {
		t.Error("a connection is still open")
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the second Close: %v", err)
	}
}

// crypto/tls gets one record at a time, so that what is left in the socket is known.
func TestWireGivesOneRecordAtATime(t *testing.T) {
	here, there := net.Pipe()
	records := []byte("\x17\x03\x03\x00\x05hello\x17\x03\x03\x00\x00\x17\x03\x03\x00\x02yo")
	go func() {
		there.Write(records)
		there.Close()
	}()
	w := &wire{Conn: here}
	var got []byte
	var ends []int
	for p := make([]byte, 100); ; {
		n, err := w.Read(p)
		got = append(got, p[:n]...)
		if n > 0 && w.between() {
			ends = append(ends, len(got))
		}
		if err != nil {
			break
		}
	}
	if !bytes.Equal(got, records) || len(ends) != 3 || ends[0] != 10 || ends[1] != 15 || ends[2] != 22 {
		t.Errorf("%q, records end at %v", got, ends)
	}
}

func TestSecretsAreKeptAndWiped(t *testing.T) {
	var s secrets
	for _, line := range []string{"CLIENT_TRAFFIC_SECRET_0 00 0102\n", "SERVER_TRAFFIC_SECRET_0 00 0a0b\n", "SERVER_HANDSHAKE_TRAFFIC_SECRET 00 ff\n"} {
		if n, err := s.Write([]byte(line)); n != len(line) || err != nil {
			t.Errorf("%q: %d, %v", line, n, err)
		}
	}
	if !bytes.Equal(s.server.value(), []byte{10, 11}) || !bytes.Equal(s.client.value(), []byte{1, 2}) {
		t.Errorf("kept %x and %x", s.client.value(), s.server.value())
	}
	if s.wipe(); s != (secrets{}) {
		t.Errorf("after wiping: %x and %x", s.client.bytes, s.server.bytes)
	}
}
