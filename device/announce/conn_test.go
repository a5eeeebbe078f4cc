package announce

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// connack is what a broker must say first.
const connack = "\x20\x02\x00\x00"

// through sends b through a conn and returns what paho would get to read.
func through(t *testing.T, b string) (string, error) {
	t.Helper()
	here, there := net.Pipe()
	c := newConn(here, time.Second)
	defer c.Close()
	go func() {
		_, _ = io.WriteString(there, b)
		there.Close()
	}()
	got, err := io.ReadAll(c)
	select {
	case <-c.ended:
	default:
		t.Errorf("%q: not ended after %v", b, err)
	}
	return string(got), c.cause
}

func TestOnlyWhatABrokerMaySendIsLetThrough(t *testing.T) {
	long := "\x30\x80\x80\x04\x00\x01a" + strings.Repeat("x", maxPacket-3)
	for _, b := range []string{"", "\xd0\x00", "\x40\x02\x00\x01", "\x90\x03\x00\x01\x01", "\x30\x03\x00\x01a", long} {
		if got, err := through(t, connack+b); got != connack+b || err != io.EOF {
			t.Errorf("%.20q of %d bytes: got %d bytes, %v", b, len(b), len(got), err)
		}
	}
	suback := "\x90\x03\x00\x01\x01"
	for name, b := range map[string]string{
		"256 MiB": "\x30\xff\xff\xff\x7f", "one byte too long": "\x30\x81\x80\x04", "length of five bytes": "\x30\x80\x80\x80\x80\x01",
		"second CONNACK": connack, "second SUBACK": suback + suback, "PUBREC": "\x50\x02\x00\x01", "PUBREL": "\x62\x02\x00\x01",
		"PUBCOMP": "\x70\x02\x00\x01", "UNSUBACK": "\xb0\x02\x00\x01", "DISCONNECT": "\xe0\x00", "CONNECT": "\x10\x00",
		"type 0": "\x00\x00", "type 15": "\xf0\x00", "short PUBACK": "\x40\x01\x00", "long PINGRESP": "\xd0\x01\x00",
	} {
		if got, err := through(t, connack+b); err == nil || err == io.EOF || len(got) > len(connack+suback) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for name, b := range map[string]string{
		"unknown return code": "\x20\x02\x00\x06", "PUBLISH first": "\x30\x03\x00\x01a", "long CONNACK": "\x20\x03\x00\x00\x00",
	} {
		if got, err := through(t, b); got != "" || err == nil || err == io.EOF {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if got, err := through(t, "\x20\x02\x00\x05"); got != "\x20\x02\x00\x05" || err != io.EOF {
		t.Errorf("a refusal: got %q, %v", got, err)
	}
}

func TestWriteToAPeerThatDoesNotReadEndsTheSession(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := newConn(here, 10*time.Millisecond)
	defer c.Close()
	if err := c.SetWriteDeadline(time.Time{}); err != nil { // as paho does after each packet
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %v, want a deadline", err)
	}
	<-c.ended
}

func FuzzConn(f *testing.F) {
	f.Add([]byte(connack))
	f.Add([]byte(connack + "\x30\xff\xff\xff\x7f"))
	f.Add([]byte(connack + "\x90\x03\x00\x01\x01\x40\x02\x00\x01\xd0\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := net.Pipe()
		c := newConn(here, time.Second)
		defer c.Close()
		go func() {
			_, _ = there.Write(b)
			there.Close()
		}()
		for {
			p, err := packets.ReadPacket(c)
			if err != nil {
				break
			}
			if m, ok := p.(*packets.PublishPacket); ok && len(m.Payload) > maxPacket {
				t.Errorf("payload of %d bytes", len(m.Payload))
			}
		}
	})
}
