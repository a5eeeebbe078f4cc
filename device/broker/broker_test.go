package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program skips the test on a machine without it; CI must have it.
func program(t *testing.T, name string) string {
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: apt-get install mosquitto mosquitto-clients", name)
	}
	if err != nil {
		t.Skipf("%s is missing: apt-get install mosquitto mosquitto-clients", name)
	}
	return path
}

// start runs a broker until the test ends.
func start(t *testing.T, c Config) *Broker {
	t.Helper()
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Run did not return 5 s after the end of its context")
		}
	})
	return b
}

// mosquitto runs one of its clients against b and returns what it wrote.
func mosquitto(t *testing.T, b *Broker, name string, args ...string) (string, error) {
	t.Helper()
	host, port, err := net.SplitHostPort(b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program(t, name), append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestMosquittoClientsAreServed(t *testing.T) {
	b := start(t, Config{})
	for _, qos := range []string{"0", "1", "2"} {
		if out, err := mosquitto(t, b, "mosquitto_pub", "-t", "house/"+qos, "-m", "hello "+qos, "-q", qos, "-r"); err != nil {
			t.Fatalf("publish with QoS %s: %v: %s", qos, err, out)
		}
		out, err := mosquitto(t, b, "mosquitto_sub", "-t", "house/"+qos, "-q", qos, "-C", "1", "-W", "5")
		if err != nil || out != "hello "+qos {
			t.Errorf("QoS %s: received %q, %v", qos, out, err)
		}
	}
}

func TestPasswordIsRequiredOffLoopback(t *testing.T) {
	for _, listen := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:1883", "box.example:1883", "nonsense"} {
		if _, err := New(Config{Listen: listen}); !errors.Is(err, ErrNoPassword) {
			t.Errorf("New on %q: %v, want ErrNoPassword", listen, err)
		}
	}
	b := start(t, Config{Listen: "0.0.0.0:0", Username: "box", Password: "right"})
	_, port, _ := net.SplitHostPort(b.Addr().String())
	for _, c := range []struct {
		user, password string
		ok             bool
	}{{"box", "right", true}, {"box", "wrong", false}, {"other", "right", false}, {"", "", false}} {
		args := []string{"-h", "127.0.0.1", "-p", port, "-t", "a", "-m", "b", "-q", "1"}
		if c.user != "" {
			args = append(args, "-u", c.user, "-P", c.password)
		}
		out, err := exec.Command(program(t, "mosquitto_pub"), args...).CombinedOutput()
		if (err == nil) != c.ok {
			t.Errorf("%q with %q: %v: %s", c.user, c.password, err, out)
		}
	}
}

func TestPortInUseCanBeTestedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := New(Config{Listen: l.Addr().String()}); !errors.Is(err, ErrInUse) {
		t.Errorf("New on a taken port: %v, want ErrInUse", err)
	}
}

// client is a connection on which packets are written by hand.
type client struct {
	net.Conn
	t *testing.T
}

func connect(t *testing.T, b *Broker, id string) client {
	t.Helper()
	c, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	cl := client{c, t}
	cl.send(packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Connect}, ProtocolVersion: 4,
		Connect: packets.ConnectParams{ProtocolName: []byte("MQTT"), Clean: true, Keepalive: 60, ClientIdentifier: id},
	})
	cl.expect(packets.Connack)
	return cl
}

func (c client) send(p packets.Packet) {
	c.t.Helper()
	var b bytes.Buffer
	var err error
	switch p.FixedHeader.Type {
	case packets.Connect:
		err = p.ConnectEncode(&b)
	case packets.Publish:
		err = p.PublishEncode(&b)
	case packets.Subscribe:
		err = p.SubscribeEncode(&b)
	case packets.Pingreq:
		err = p.PingreqEncode(&b)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.Write(b.Bytes()); err != nil {
		c.t.Fatal(err)
	}
}

// expect reads one short packet and checks its type; it returns the body.
func (c client) expect(kind byte) []byte {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	var h [2]byte
	if _, err := io.ReadFull(c, h[:]); err != nil || h[0]>>4 != kind {
		c.t.Fatalf("read packet of type %d, %v; want %d", h[0]>>4, err, kind)
	}
	body := make([]byte, h[1])
	if _, err := io.ReadFull(c, body); err != nil {
		c.t.Fatal(err)
	}
	return body
}

func publish(topic string, size int, retain bool) packets.Packet {
	return packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Retain: retain}, ProtocolVersion: 4,
		TopicName: topic, Payload: bytes.Repeat([]byte("x"), size),
	}
}

func subscribe(filters ...string) packets.Packet {
	p := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, ProtocolVersion: 4, PacketID: 1}
	for _, f := range filters {
		p.Filters = append(p.Filters, packets.Subscription{Filter: f})
	}
	return p
}

func TestOversizePacketEndsTheConnection(t *testing.T) {
	b := start(t, Config{})
	good, bad := connect(t, b, "good"), connect(t, b, "bad")
	good.send(publish("a", 60<<10, true))
	good.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pingreq}})
	good.expect(packets.Pingresp)
	if _, err := bad.Write([]byte{packets.Publish << 4, 0xff, 0xff, 0xff, 0x7f}); err != nil { // 256 MiB claimed
		t.Fatal(err)
	}
	if err := bad.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := bad.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after a packet of 256 MiB was claimed: %v, want the connection closed", err)
	}
}

func TestClientsAreBounded(t *testing.T) {
	b := start(t, Config{MaxClients: 2})
	connect(t, b, "1")
	connect(t, b, "2")
	c, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	third := client{c, t}
	defer third.Close()
	third.send(packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Connect}, ProtocolVersion: 4,
		Connect: packets.ConnectParams{ProtocolName: []byte("MQTT"), Clean: true, Keepalive: 60, ClientIdentifier: "3"},
	})
	if body := third.expect(packets.Connack); body[1] != 3 {
		t.Errorf("the third of two clients: return code %d, want 3 (server unavailable)", body[1])
	}
}

func TestSilentConnectionsDoNotHoldUpTheStop(t *testing.T) {
	b, err := New(Config{Listen: "127.0.0.1:0", MaxClients: 4})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	for range 12 { // more than are kept
		c, err := net.Dial("tcp", b.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	connect13, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connect13.Close()
	if _, err := connect13.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && err == nil {
		t.Errorf("one connection too many was kept: %v", err)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("silent connections hold up the stop")
	}
}

func TestRetainedAndSubscriptionsAreBounded(t *testing.T) {
	b := start(t, Config{})
	c := connect(t, b, "collector")
	for i := range 3 * maxRetained {
		c.send(publish(fmt.Sprintf("t/%d", i), 10, true))
	}
	for i := range 100 {
		c.send(publish(fmt.Sprintf("big/%d", i), 60<<10, true))
	}
	filters := make([]string, 2*maxSubscriptions)
	for i := range filters {
		filters[i] = fmt.Sprintf("f/%d", i)
	}
	c.send(subscribe(filters...))
	granted := 0
	for _, code := range c.expectLong(packets.Suback)[2:] {
		if code < 0x80 {
			granted++
		}
	}
	if granted != maxSubscriptions {
		t.Errorf("%d subscriptions granted, want %d", granted, maxSubscriptions)
	}
	size := 0
	kept := b.server.Topics.Retained.GetAll()
	for topic, p := range kept {
		if !strings.HasPrefix(topic, "$SYS") {
			size += len(p.Payload)
		}
	}
	if n := len(kept); n < maxRetained || n > maxRetained+32 || size > maxRetainedBytes {
		t.Errorf("%d topics with %d bytes retained, want at most %d with %d", n, size, maxRetained, int(maxRetainedBytes))
	}
}

// expectLong reads one packet whose length takes two bytes.
func (c client) expectLong(kind byte) []byte {
	c.t.Helper()
	var h [3]byte
	if _, err := io.ReadFull(c, h[:]); err != nil || h[0]>>4 != kind {
		c.t.Fatalf("read packet of type %d, %v; want %d", h[0]>>4, err, kind)
	}
	body := make([]byte, int(h[1]&0x7f)|int(h[2])<<7)
	if _, err := io.ReadFull(c, body); err != nil {
		c.t.Fatal(err)
	}
	return body
}

func TestFloodIsBoundedWhenASubscriberDoesNotRead(t *testing.T) {
	b := start(t, Config{})
	stalled, flooder := connect(t, b, "stalled"), connect(t, b, "flooder")
	stalled.send(subscribe("flood"))
	stalled.expect(packets.Suback)
	before := heap()
	var peak uint64
	for i := range 10_000 {
		flooder.send(publish("flood", 4<<10, false))
		if i%500 == 0 {
			peak = max(peak, heap())
		}
	}
	flooder.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pingreq}})
	flooder.expect(packets.Pingresp)
	if peak = max(peak, heap()); peak > before+16<<20 {
		t.Errorf("40 MB of messages that nobody reads: the heap grew from %d to %d kB", before>>10, peak>>10)
	}
	t.Logf("heap before %d kB, peak %d kB", before>>10, peak>>10)
}

// heap is what is kept: the least of a few readings, since what is garbage already while the broker goes on counts too.
func heap() uint64 {
	least := ^uint64(0)
	for range 4 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		least = min(least, m.HeapAlloc)
	}
	return least
}
