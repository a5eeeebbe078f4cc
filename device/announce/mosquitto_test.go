package announce

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"os"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// mosquitto is the real broker on a port of its own.
type mosquitto struct {
	t      *testing.T
	config string
	addr   string
	child  *exec.Cmd
}

// newMosquitto writes its configuration; lines are added to it. start starts it.
func newMosquitto(t *testing.T, lines ...string) *mosquitto {
	t.Helper()
	program(t, "mosquitto")
	m := &mosquitto{t: t, addr: free(t), config: filepath.Join(t.TempDir(), "mosquitto.conf")}
	_, port, _ := net.SplitHostPort(m.addr)
	if len(lines) == 0 {
		lines = []string{"allow_anonymous true"}
	}
	text := append([]string{"listener " + port + " 127.0.0.1", "log_dest stderr", "log_type all", "max_queued_messages 0"}, lines...)
	if os.Getuid() == 0 {
		text = append(text, "user root")
	}
	if err := os.WriteFile(m.config, []byte(strings.Join(text, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.stop(syscall.SIGTERM) })
	return m
}

// free is a local address nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs it and returns when it says that it is running.
func (m *mosquitto) start() *mosquitto {
	m.t.Helper()
	m.child = exec.Command(program(m.t, "mosquitto"), "-c", m.config)
	out, err := m.child.StderrPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.child.Start(); err != nil {
		m.t.Fatal(err)
	}
	running := make(chan bool, 1)
	go func() {
		defer close(running)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasSuffix(lines.Text(), " running") {
				running <- true
			}
		}
	}()
	select {
	case ok := <-running:
		if !ok {
			m.t.Fatal("mosquitto ended at once")
		}
	case <-time.After(patience):
		m.t.Fatal("mosquitto does not say that it is running")
	}
	m.answers()
	return m
}

// answers waits until it throws a stranger out: a signal sent between "running" and its main loop is lost.
func (m *mosquitto) answers() {
	m.t.Helper()
	c, err := net.Dial("tcp", m.addr)
	if err != nil {
		m.t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(make([]byte, 8)); err != nil {
		m.t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		m.t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		m.t.Fatal("mosquitto does not answer")
	}
}

// stop ends it with a signal and waits for its end.
func (m *mosquitto) stop(sig syscall.Signal) {
	if m.child == nil {
		return
	}
	if err := m.child.Process.Signal(sig); err != nil {
		m.t.Error(err)
	}
	_ = m.child.Wait() // its exit status is the signal
	m.child = nil
}

func (m *mosquitto) url() string { return "tcp://" + m.addr }

// got is a message as a subscriber receives it.
type got struct {
	topic    string
	qos      byte
	retained bool
	payload  string
}

func (g got) String() string {
	return fmt.Sprintf("%s (QoS %d, retained %v) %s", g.topic, g.qos, g.retained, g.payload)
}

// client connects to the broker at url with id; received messages go to the channel.
func client(t *testing.T, url, id string, more ...func(*mqtt.ClientOptions)) (mqtt.Client, <-chan got) {
	t.Helper()
	ch := make(chan got, 1000)
	o := mqtt.NewClientOptions().AddBroker(url).SetClientID(id).SetAutoReconnect(false).SetConnectTimeout(patience)
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		ch <- got{m.Topic(), m.Qos(), m.Retained(), string(m.Payload())}
	})
	for _, f := range more {
		f(o)
	}
	c := mqtt.NewClient(o)
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(100) })
	return c, ch
}

// subscribe is client with a subscription.
func subscribe(t *testing.T, url, filter string, more ...func(*mqtt.ClientOptions)) <-chan got {
	t.Helper()
	c, ch := client(t, url, "subscriber", more...)
	done(t, c.Subscribe(filter, 2, nil))
	return ch
}

func done(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("test client: %v", token.Error())
	}
}

// next returns the next message on the topic that ends with suffix and skips others.
func next(t *testing.T, ch <-chan got, suffix string) got {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case g := <-ch:
			if strings.HasSuffix(g.topic, suffix) {
				return g
			}
		case <-timeout:
			t.Fatalf("no message on …%s within %v", suffix, patience)
		}
	}
}
